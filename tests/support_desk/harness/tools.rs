//! The real clients that `scripts/setup-tests` installs. One that is missing fails the test.

use std::path::PathBuf;

use mcp_secure_tests::programs::workspace;

/// Something that the script has put into `target/tools`.
pub(crate) fn installed(name: &str) -> PathBuf {
    let path = workspace().join("target/tools").join(name);
    assert!(path.exists(), "`{}` is missing: run `scripts/setup-tests` first", path.display());
    path
}

/// The Python that has the official SDK.
pub(crate) fn python() -> PathBuf {
    installed("venv/bin/python")
}

/// A Node that is new enough for the Inspector.
pub(crate) fn node() -> PathBuf {
    installed("node")
}

/// The folder whose `node_modules` hold the official TypeScript SDK.
pub(crate) fn packages() -> PathBuf {
    installed("npm")
}

/// The Inspector's entry.
pub(crate) fn inspector() -> PathBuf {
    // Resolved, because the Inspector looks for its parts beside itself.
    installed("inspector.js").canonicalize().unwrap()
}
