//! `chromedriver`, one for each browser, on a port that it chooses itself.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::channel;

use crate::harness::{PATIENCE, installed};

/// A running driver. It ends with everything it started when it is dropped, and also when this process dies in any other
/// way: the shell before it waits on a pipe that only this process holds, and then ends their whole group.
#[derive(Debug)]
pub(crate) struct Driver {
    shell: Child,
    held: Option<ChildStdin>,
    port: u16,
}

impl Driver {
    #[track_caller]
    pub(crate) fn start() -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", r#""$0" --port=0 & cat >/dev/null; kill -KILL 0"#])
            .arg(installed("chromedriver"))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let held = shell.stdin.take();
        let said = BufReader::new(shell.stdout.take().unwrap());
        let (sender, port) = channel();
        // Read to the end, so that the driver never waits for its output to be taken.
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                let port = line.split_once("started successfully on port ");
                if let Some(port) =
                    port.and_then(|(_, port)| port.trim_end_matches('.').parse().ok())
                {
                    let _ = sender.send(port);
                }
            }
        });
        let mut driver = Self { shell, held, port: 0 };
        driver.port = port.recv_timeout(PATIENCE).expect("chromedriver says its port");
        driver
    }

    /// The group of processes that ends with it.
    pub(crate) fn group(&self) -> u32 {
        self.shell.id()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.held.take());
        drop(self.shell.wait());
    }
}
