//! A local client that drives the whole pipeline without a network.
