//! The official clients behind one face, so that one scenario runs with each of them.

use std::io::Write as _;
use std::process::{Command, Stdio as Pipe};

use mcp_secure_tests::programs::workspace;
use serde_json::{Value, json};

use super::desk::{Desk, Finished, Server, program};
use super::tools::{inspector, node, python};

/// Which program, and which protocol it is told to speak.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// The MCP Inspector's command line, with its word for the protocol.
    Inspector(&'static str),
    /// The Python SDK, with its word for the protocol.
    Python(&'static str),
}

#[derive(Debug, Clone)]
enum Transport {
    Stdio(Vec<String>),
    Http { url: String, token: String },
}

/// A client that acts as one person.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    kind: Kind,
    transport: Transport,
}

/// Every official client over every transport, as one person.
pub(crate) fn every_client(desk: &Desk, server: &Server, name: &str) -> Vec<Client> {
    let data = desk.data().display().to_string();
    let program = program().display().to_string();
    let stdio = [program.as_str(), "--data", &data, "serve", "--stdio", "--as", name]
        .map(ToOwned::to_owned)
        .to_vec();
    let http = Transport::Http { url: server.url(), token: desk.token(name) };
    [
        Kind::Inspector("legacy"),
        Kind::Inspector("modern"),
        Kind::Python("legacy"),
        Kind::Python("2026-07-28"),
    ]
    .into_iter()
    .flat_map(|kind| {
        [Transport::Stdio(stdio.clone()), http.clone()].map(|transport| Client { kind, transport })
    })
    .collect()
}

impl Client {
    /// Whether it declares tasks, and so waits for one itself. The Inspector does, where the protocol has them.
    pub(crate) fn waits_for_tasks(&self) -> bool {
        matches!(self.kind, Kind::Inspector("modern"))
    }

    /// The names of the tools it is shown, sorted.
    #[track_caller]
    pub(crate) fn tool_names(&self) -> Vec<String> {
        let listed = self.ask("tools/list", &json!({"op": "list_tools"}), &[]);
        let mut names: Vec<_> = listed["tools"]
            .as_array()
            .unwrap_or_else(|| panic!("no tools: {listed:#}"))
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Calls a tool; the result may be a refusal.
    #[track_caller]
    pub(crate) fn call(&self, name: &str, arguments: &Value) -> Value {
        self.ask(
            "tools/call",
            &json!({"op": "call", "name": name, "arguments": arguments}),
            &["--tool-name", name, "--tool-args-json", &arguments.to_string()],
        )
    }

    /// Reads a resource.
    #[track_caller]
    pub(crate) fn read(&self, uri: &str) -> Value {
        self.ask("resources/read", &json!({"op": "read_resource", "uri": uri}), &["--uri", uri])
    }

    /// Gets a prompt with one argument.
    #[track_caller]
    pub(crate) fn prompt(&self, name: &str, argument: &str, value: &str) -> Value {
        self.ask(
            "prompts/get",
            &json!({"op": "get_prompt", "name": name, "arguments": {argument: value}}),
            &["--prompt-name", name, "--prompt-args", &format!("{argument}={value}")],
        )
    }

    #[track_caller]
    fn ask(&self, method: &str, step: &Value, arguments: &[&str]) -> Value {
        match self.kind {
            Kind::Inspector(era) => self.inspector(era, method, arguments),
            Kind::Python(mode) => self.python(mode, step),
        }
    }

    #[track_caller]
    fn inspector(&self, era: &str, method: &str, arguments: &[&str]) -> Value {
        // A home of its own: the Inspector keeps settings and tokens there.
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(node());
        command.arg(inspector()).env("HOME", home.path());
        command.args(["--cli", "--quiet", "--format", "json", "--protocol-era", era]);
        command.args(["--stored-auth-only", "--method", method]).args(arguments);
        match &self.transport {
            Transport::Stdio(server) => {
                command.arg("--transport").arg("stdio").arg("--").args(server)
            }
            Transport::Http { url, token } => command
                .args(["--transport", "http", "--server-url", url])
                .args(["--header", &format!("Authorization: Bearer {token}")]),
        };
        let finished = Finished::of(&mut command);
        // 5 is its code for a tool that answered `isError`; the result is printed all the same.
        assert!(matches!(finished.status.code(), Some(0 | 5)), "{self:?}: {finished:#?}");
        let printed: Value = serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|e| panic!("{self:?}: no JSON ({e}): {finished:#?}"));
        printed["result"].clone()
    }

    #[track_caller]
    fn python(&self, mode: &str, step: &Value) -> Value {
        let mut job = match &self.transport {
            Transport::Stdio(server) => json!({"stdio": server}),
            Transport::Http { url, token } => json!({"http": url, "token": token}),
        };
        job["mode"] = json!(mode);
        job["steps"] = json!([step]);
        let mut child = Command::new(python())
            .arg(workspace().join("tests/clients/desk.py"))
            .stdin(Pipe::piped())
            .stdout(Pipe::piped())
            .stderr(Pipe::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let results: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
            panic!("{self:?}: no JSON ({e}): {}", String::from_utf8_lossy(&output.stderr))
        });
        results[0].get("ok").unwrap_or_else(|| panic!("{self:?}: {results:#}")).clone()
    }
}
