//! Agents on the official SDKs, behind one face: programs of their own that call tools, wait for tasks and show links,
//! while the test decides.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio as Pipe};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use mcp_secure_tests::programs::{example, workspace};
use serde_json::{Value, json};

use super::desk::{Desk, PATIENCE, Server, program};
use super::tools::{node, packages, python};

/// Which SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sdk {
    Rmcp,
    Python,
    TypeScript,
}

impl Sdk {
    pub(crate) const ALL: [Self; 3] = [Self::Rmcp, Self::Python, Self::TypeScript];

    fn command(self) -> Command {
        let clients = workspace().join("tests/clients");
        match self {
            Self::Rmcp => Command::new(rmcp_agent()),
            Self::Python => {
                let mut command = Command::new(python());
                command.arg(clients.join("agent.py"));
                command
            }
            Self::TypeScript => {
                let mut command = Command::new(node());
                command.arg(clients.join("agent.mjs")).arg(packages());
                command
            }
        }
    }
}

/// The agent on rmcp, an example of this package, built if it is not up to date.
fn rmcp_agent() -> &'static PathBuf {
    static AGENT: OnceLock<PathBuf> = OnceLock::new();
    AGENT.get_or_init(|| example("agent"))
}

/// How an agent reaches the desk.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    Stdio(Vec<String>),
    Http { url: String, token: String },
}

impl Way {
    /// A server of the agent's own, on this desk's folder, as this person.
    pub(crate) fn stdio(desk: &Desk, name: &str, more: &[&str]) -> Self {
        let data = desk.data().display().to_string();
        let program = program().display().to_string();
        let words = [&[&program, "--data", &data, "serve", "--stdio", "--as", name], more].concat();
        Self::Stdio(words.into_iter().map(ToOwned::to_owned).collect())
    }

    pub(crate) fn http(desk: &Desk, server: &Server, name: &str) -> Self {
        Self::Http { url: server.url(), token: desk.token(name) }
    }

    /// The name, for messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Stdio(_) => "stdio",
            Self::Http { .. } => "http",
        }
    }
}

/// What an agent declares.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Declares {
    pub(crate) legacy: bool,
    pub(crate) tasks: bool,
    /// It shows links, and answers so.
    pub(crate) links: Option<&'static str>,
}

/// A running agent. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Agent {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<Value>,
    /// What came and was not asked for yet.
    kept: Vec<Value>,
    pub(crate) name: String,
}

impl Agent {
    pub(crate) fn start(sdk: Sdk, way: &Way, declares: Declares) -> Self {
        let mut job = match way {
            Way::Stdio(server) => json!({"stdio": server}),
            Way::Http { url, token } => json!({"http": url, "token": token}),
        };
        job["era"] = json!(if declares.legacy { "legacy" } else { "2026-07-28" });
        job["tasks"] = json!(declares.tasks);
        job["links"] = json!(declares.links);
        let mut child = sdk
            .command()
            .env_remove("MCP_SECURE_DATA")
            .env_remove("MCP_SECURE_STORE")
            .env_remove("MCP_SECURE_INBOX_URL")
            .stdin(Pipe::piped())
            .stdout(Pipe::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line)
                    .unwrap_or_else(|e| panic!("no event ({e}): {line}"));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take().unwrap();
        let name = format!("{sdk:?} over {}, {declares:?}", way.name());
        let mut agent = Self { child, stdin, lines, kept: Vec::new(), name };
        agent.tell(&job);
        agent
    }

    fn tell(&mut self, line: &Value) {
        writeln!(self.stdin, "{line}").unwrap();
        self.stdin.flush().unwrap();
    }

    /// Begins a step; its end is waited for with [`done`](Self::done).
    pub(crate) fn begin(&mut self, step: &Value) {
        self.tell(step);
    }

    /// Begins to call a tool.
    pub(crate) fn calls(&mut self, tool: &str, arguments: &Value) {
        self.begin(&json!({"op": "call", "tool": tool, "arguments": arguments}));
    }

    /// Calls a tool to its end.
    #[track_caller]
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.calls(tool, arguments);
        self.done()
    }

    /// Asks about a task; the answer, or the error.
    #[track_caller]
    pub(crate) fn ask(&mut self, op: &str, id: &str) -> Value {
        self.begin(&json!({"op": op, "id": id, "responses": {}}));
        self.end()
    }

    /// The next of what `wanted` holds for; what comes before it is kept.
    #[track_caller]
    fn next(&mut self, what: &str, within: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        if let Some(at) = self.kept.iter().position(&wanted) {
            return self.kept.remove(at);
        }
        loop {
            let left = within.saturating_sub(since.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(event) if wanted(&event) => return event,
                Ok(event) => self.kept.push(event),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{}: no {what}; there was {:#?}", self.name, self.kept)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{}: it ended, and there was no {what}: {:#?}", self.name, self.kept)
                }
            }
        }
    }

    /// The next event of this kind.
    #[track_caller]
    pub(crate) fn event(&mut self, kind: &str) -> Value {
        self.next(kind, PATIENCE, |event| event["event"] == kind)
    }

    /// Makes sure that no such event comes for a moment.
    #[track_caller]
    pub(crate) fn hears_no(&mut self, kind: &str) {
        std::thread::sleep(Duration::from_millis(300));
        self.kept.extend(self.lines.try_iter());
        let heard = self.kept.iter().find(|event| event["event"] == kind);
        assert!(heard.is_none(), "{}: {heard:#?}", self.name);
    }

    /// The end of a step, good or bad.
    #[track_caller]
    pub(crate) fn end(&mut self) -> Value {
        self.next("end", PATIENCE, |event| event.get("event").is_none())
    }

    /// The result of a step.
    #[track_caller]
    pub(crate) fn done(&mut self) -> Value {
        let end = self.end();
        end.get("done").unwrap_or_else(|| panic!("{}: {end:#}", self.name)).clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
