//! The programs that tests start, each built if it is not up to date.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of this workspace.
///
/// # Panics
///
/// Never: this package lies in it.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A program of this workspace, by its name.
///
/// # Panics
///
/// If it does not build.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    build("--bin", name, name)
}

/// An example of this package, by its name: a server or a client that only tests start.
///
/// # Panics
///
/// If it does not build.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    build("--example", name, &format!("examples/{name}"))
}

fn build(kind: &str, name: &str, below: &str) -> PathBuf {
    // The packages and features of `scripts/test`, so that nothing is built twice.
    let built = cargo()
        .args(["build", "--quiet", "--workspace", "--exclude", "mcp-secure-bench"])
        .args(["--features", "mcp-secure/postgres", kind, name])
        .current_dir(workspace())
        .status()
        .unwrap();
    assert!(built.success(), "`{name}` does not build");
    // The test is `<target>/debug/deps/<test>-<hash>`.
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join(below);
    assert!(program.exists(), "`{}` is missing after its build", program.display());
    program
}

/// Cargo as it is called by hand. What it says of its package to a test that it runs, some packages take for a change
/// (`ring` among them), and they and all that needs them would be compiled anew each time.
fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}
