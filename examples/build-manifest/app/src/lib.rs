//! The manifest that was made while this package was built.

/// The manifest in JSON, as `build.rs` wrote it.
pub const MANIFEST: &str = include_str!(concat!(env!("OUT_DIR"), "/manifest.json"));
