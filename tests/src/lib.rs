//! Nothing to build here: this package exists for its tests.
