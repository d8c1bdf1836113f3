//! The one way to a tool's body.
