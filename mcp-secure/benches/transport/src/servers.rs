//! The servers, each a process of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Secure,
    Bare,
}

pub(crate) struct Server {
    pub(crate) child: Child,
    /// Host and port.
    pub(crate) addr: String,
    pub(crate) token: Option<String>,
    /// Removed with the server.
    _folder: TempDir,
}

impl Server {
    pub(crate) async fn http(which: Which) -> Self {
        let folder = folder();
        let mut command = command(which);
        match which {
            Which::Secure => {
                command.args(["serve", "--http", "127.0.0.1:0"]);
                command.arg("--data").arg(folder.path().join("data"));
            }
            Which::Bare => {
                command.arg("http").arg(folder.path().join("marks"));
            }
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let addr = loop {
            let line = lines.next_line().await.unwrap().expect("the server says where it serves");
            if let Some((_, rest)) = line.split_once("http://") {
                break rest.split('/').next().unwrap().to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let token = (which == Which::Secure).then(|| token(&folder));
        Self { child, addr, token, _folder: folder }
    }

    pub(crate) async fn stdio(which: Which) -> Self {
        let folder = folder();
        let mut command = command(which);
        match which {
            Which::Secure => {
                command.args(["serve", "--stdio", "--as", "alice"]);
                command.arg("--data").arg(folder.path().join("data"));
            }
            Which::Bare => {
                command.arg("stdio").arg(folder.path().join("marks"));
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        Self { child, addr: String::new(), token: None, _folder: folder }
    }

    /// The processor time of the server so far.
    pub(crate) fn cpu(&self) -> Duration {
        let pid = self.child.id().expect("the server runs");
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        // Linux counts in hundredths of a second for all programs, whatever the kernel's own clock does.
        Duration::from_millis(ticks * 10)
    }
}

fn folder() -> TempDir {
    // On a disk: the system's folder for temporary files may lie in memory, where a sync costs nothing.
    let beside = std::env::current_exe().unwrap();
    TempDir::new_in(beside.parent().unwrap()).unwrap()
}

fn program(which: Which) -> PathBuf {
    let name = match which {
        Which::Secure => "bench-secure",
        Which::Bare => "bench-bare",
    };
    let program = std::env::current_exe().unwrap().with_file_name(name);
    assert!(
        program.exists(),
        "`{name}` is not built; run `cargo build --profile bench -p mcp-secure-bench`"
    );
    program
}

fn command(which: Which) -> Command {
    let mut command = Command::new(program(which));
    command.stderr(Stdio::piped()).kill_on_drop(true).env("RUST_LOG", "warn");
    command
}

fn token(folder: &TempDir) -> String {
    let made = std::process::Command::new(program(Which::Secure))
        .args(["token", "--as", "alice", "--data"])
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}
