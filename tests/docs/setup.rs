//! What the scripts do on a machine that lacks Rust, with programs that only write down that they were called.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use mcp_secure_tests::programs::workspace;
use tempfile::TempDir;

use crate::harness::Finished;

/// What the scripts call besides, and nothing more of this machine: a `cargo` of its own must not be found.
const TOOLS: [&str; 12] = [
    "bash", "cat", "chmod", "dirname", "env", "grep", "head", "mkdir", "mktemp", "rm", "sed", "sh",
];

/// A machine with a C compiler, and a log of what was called on it.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(machine.bin()).unwrap();
        fs::create_dir_all(machine.home()).unwrap();
        for tool in TOOLS {
            let real = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(tool));
            let real = real.iter().find(|path| path.exists()).unwrap_or_else(|| panic!("{tool}"));
            symlink(real, machine.bin().join(tool)).unwrap();
        }
        machine.has("cc", "echo a compiler");
        machine.has("id", "echo 0");
        machine
    }

    fn bin(&self) -> PathBuf {
        self.0.path().join("bin")
    }

    fn home(&self) -> PathBuf {
        self.0.path().join("home")
    }

    /// A program that writes down how it was called, and then does this.
    fn has(&self, name: &str, does: &str) {
        let log = self.0.path().join("log");
        let text = format!("#!/bin/sh\necho {name} \"$@\" >>{}\n{does}\n", log.display());
        let program = self.bin().join(name);
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The programs that a toolchain brings, made by whoever installs it into this folder.
    fn toolchain_in(folder: &str) -> String {
        format!(
            "for name in cargo rustc rustup; do printf '#!/bin/sh\\necho $0 \"$@\" >>\"$HOME/log\"; echo 1.95\\n' \
             >{folder}/$name; chmod +x {folder}/$name; done"
        )
    }

    fn set_up(&self) -> Finished {
        let mut bash = Command::new(self.bin().join("bash"));
        let script = format!(
            ". {}/scripts/lib.sh; need_build_tools; command -v cargo",
            workspace().display()
        );
        bash.args(["-euo", "pipefail", "-c", &script])
            .env_clear()
            .env("PATH", self.bin())
            .env("HOME", self.home())
            .current_dir(self.0.path());
        Finished::of(&mut bash)
    }

    /// What was called.
    fn log(&self) -> String {
        let of_rust = fs::read_to_string(self.home().join("log")).unwrap_or_default();
        fs::read_to_string(self.0.path().join("log")).unwrap_or_default() + &of_rust
    }
}

#[test]
fn without_rust_the_systems_rustup_is_installed_and_then_the_toolchain() {
    let machine = Machine::new();
    machine.has("curl", "exit 1");
    machine.has("apt-cache", "echo '  Candidate: 1.27.1-3'");
    let bin = machine.bin().display().to_string();
    let installs = Machine::toolchain_in(&bin);
    machine.has("apt-get", &format!("case \"$*\" in *install*rustup) {installs};; esac"));
    let done = machine.set_up();
    done.exited_with(0);
    assert!(done.stderr.contains("Rust is missing: installing rustup"), "{done:#?}");
    let log = machine.log();
    assert!(log.contains("rustup toolchain install 1.95.0"), "{log}");
    assert!(!log.contains("curl"), "{log}");
}

#[test]
fn without_a_package_of_it_rustup_comes_by_its_installer_for_this_user_alone() {
    let machine = Machine::new();
    machine.has("apt-get", "true");
    machine.has("apt-cache", "echo '  Candidate: (none)'");
    // The installer that it fetches, to the file named after `--output`.
    let installer = format!(
        "echo sh installer \"$@\" >>\"$HOME/log\"; mkdir -p ~/.cargo/bin; {}",
        Machine::toolchain_in("~/.cargo/bin")
    );
    fs::write(machine.0.path().join("installer"), installer).unwrap();
    machine.has(
        "curl",
        &format!(
            "while [ $# -gt 1 ]; do [ \"$1\" = --output ] && cat {}/installer >\"$2\"; shift; done",
            machine.0.path().display()
        ),
    );
    let done = machine.set_up();
    done.exited_with(0);
    assert!(done.stdout.contains(".cargo/bin/cargo"), "{done:#?}");
    assert!(done.stderr.contains("~/.cargo and ~/.rustup"), "it says where it writes: {done:#?}");
    let log = machine.log();
    for called in [
        "--tlsv1.2",
        "https://static.rust-lang.org/rustup/rustup-init.sh",
        "sh installer -y --no-modify-path",
        "rustup toolchain install 1.95.0",
    ] {
        assert!(log.contains(called), "{called}: {log}");
    }
}

#[test]
fn an_installer_that_does_not_arrive_whole_is_not_run() {
    let machine = Machine::new();
    machine.has(
        "curl",
        "while [ $# -gt 1 ]; do [ \"$1\" = --output ] && echo 'touch ~/half' >\"$2\"; shift; done; exit 18",
    );
    let done = machine.set_up();
    done.exited_with(1);
    assert!(done.stderr.contains("install Rust from https://rustup.rs"), "{done:#?}");
    assert!(!machine.home().join("half").exists());
}

#[test]
fn rust_that_is_there_is_used_as_it_is() {
    for with_rustup in [false, true] {
        let machine = Machine::new();
        for tool in ["curl", "apt-get", "apt-cache"] {
            machine.has(tool, "true");
        }
        machine.has("cargo", "echo cargo 1.95");
        machine.has("rustc", "echo rustc 1.95");
        if with_rustup {
            machine.has("rustup", "echo 1.95.0-x86_64-unknown-linux-gnu");
        }
        machine.set_up().exited_with(0);
        let log = machine.log();
        for never in ["curl", "apt-get", "toolchain install"] {
            assert!(!log.contains(never), "{never}: {log}");
        }
    }
}
