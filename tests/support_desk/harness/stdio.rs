//! A stdio server by hand: one line in, one line out.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio as Pipe};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use serde_json::Value;

use super::desk::PATIENCE;

/// A running stdio server. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Stdio {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
}

impl Stdio {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Pipe::piped())
            .stdout(Pipe::piped())
            .stderr(Pipe::null())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while stdout.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        Self { stdin: child.stdin.take(), child, lines }
    }

    /// Writes a line.
    pub(crate) fn send(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line).unwrap();
        stdin.write_all(b"\n").unwrap();
        stdin.flush().unwrap();
    }

    /// The next line of standard output, which carries MCP and nothing else.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("an answer");
        serde_json::from_slice(&line).unwrap_or_else(|e| {
            panic!("not MCP on standard output ({e}): {:?}", String::from_utf8_lossy(&line))
        })
    }

    /// Sends a request and waits for the answer with its id.
    #[track_caller]
    pub(crate) fn ask(&mut self, message: &Value) -> Value {
        self.send(message.to_string().as_bytes());
        let since = Instant::now();
        loop {
            let answer = self.next();
            if answer["id"] == message["id"] {
                return answer;
            }
            assert!(since.elapsed() < PATIENCE, "no answer to {message}");
        }
    }

    /// The result of a request.
    #[track_caller]
    pub(crate) fn result(&mut self, message: &Value) -> Value {
        let answer = self.ask(message);
        answer.get("result").unwrap_or_else(|| panic!("no result: {answer:#}")).clone()
    }

    /// Hangs up, as a host does that ends, and waits for the server to end too.
    pub(crate) fn hang_up(mut self) -> ExitStatus {
        drop(self.stdin.take());
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

impl Drop for Stdio {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
