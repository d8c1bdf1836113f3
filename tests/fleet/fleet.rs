//! The fleet as it is started, and calls through its proxy.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(90);

/// The `fleet` program, built if it is not up to date. `FLEET_PROGRAM` names another build of it.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let other = std::env::var_os("FLEET_PROGRAM");
        other.map_or_else(|| mcp_secure_tests::programs::program("fleet"), PathBuf::from)
    })
}

/// What came back through the proxy.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The server that answered.
    pub(crate) replica: u32,
    pub(crate) refused: bool,
    pub(crate) replayed: bool,
    pub(crate) structured: Value,
}

/// A running fleet.
pub(crate) struct Fleet {
    child: Child,
    address: SocketAddr,
    token: String,
    shell: PathBuf,
    pids: Mutex<Vec<u32>>,
}

impl Fleet {
    /// The one that the tests share, each alone with it, so that they know whose turn it is. It ends with this process.
    pub(crate) fn shared() -> MutexGuard<'static, Self> {
        static SHARED: OnceLock<Mutex<Fleet>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Mutex::new(Self::start()));
        shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn start() -> Self {
        // `sh` watches this process: when it is gone, or lets go, the fleet is told to end.
        let script = r#""$0" </dev/null & pid=$!; cat >/dev/null; kill -TERM $pid; wait $pid"#;
        let mut child = Command::new("sh")
            .args(["-c", script])
            .arg(program())
            .env_remove("MCP_SECURE_DATA")
            .env_remove("MCP_SECURE_STORE")
            .env("FLEET_ADDRESS", "127.0.0.1:0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        for pipe in [
            Box::new(child.stdout.take().unwrap()) as Box<dyn std::io::Read + Send>,
            Box::new(child.stderr.take().unwrap()),
        ] {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    drop(sender.send(line));
                }
            });
        }
        let mut said = Vec::new();
        let mut pids = Vec::new();
        let (mut address, mut token, mut shell) = (None, None, None);
        while shell.is_none() {
            let line = lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("the fleet does not start: {said:#?}"));
            if let Some((_, pid)) = line.split_once(", process ") {
                pids.push(pid.parse().unwrap());
            }
            if let Some((_, url)) = line.split_once("serves MCP at http://") {
                address = url.strip_suffix("/mcp").unwrap().parse().ok();
            }
            if let Some(text) = line.strip_prefix("token of alice: ") {
                token = Some(text.to_owned());
            }
            if let Some(path) = line.strip_prefix(". ") {
                shell = Some(PathBuf::from(path));
            }
            said.push(line);
        }
        Self {
            child,
            address: address.unwrap(),
            token: token.unwrap(),
            shell: shell.unwrap(),
            pids: Mutex::new(pids),
        }
    }

    /// Calls as alice; `None` where the server went away in the middle.
    pub(crate) fn try_call(&self, tool: &str, arguments: &Value) -> Option<Call> {
        let message = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": tool, "arguments": arguments, "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "fleet-tests", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }},
        })
        .to_string();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n\
             mcp-method: tools/call\r\nmcp-name: {tool}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{message}",
            self.address,
            self.token,
            message.len(),
        );
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        if !head.starts_with("HTTP/1.1 200") {
            assert!(head.starts_with("HTTP/1.1 502"), "{text}");
            return None;
        }
        let named = |line: &str| line.strip_prefix("x-replica: ")?.parse().ok();
        let replica = head.lines().find_map(named).expect("the server that answered");
        // JSON, or an event stream whose last event is the answer.
        let json = &body[body.rfind(r#"{"jsonrpc""#)?..=body.rfind('}')?];
        let message: Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {text}"));
        let result = message.get("result").unwrap_or_else(|| panic!("no result: {message:#}"));
        let marked =
            |(name, value): (&String, &Value)| name.ends_with("/replayed") && *value == json!(true);
        Some(Call {
            replica,
            refused: result["isError"] == json!(true),
            replayed: result["_meta"].as_object().is_some_and(|meta| meta.iter().any(marked)),
            structured: result["structuredContent"].clone(),
        })
    }

    #[track_caller]
    pub(crate) fn call(&self, tool: &str, arguments: &Value) -> Call {
        self.try_call(tool, arguments).expect("an answer")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("bash");
        command
            .args(["-c", r#". "$0"; fleet "$@""#])
            .arg(&self.shell)
            .args(arguments)
            .env("RUST_LOG", "off");
        command
    }

    /// The command line of the application, on the same store; what it prints, or why it failed.
    pub(crate) fn try_run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.try_run(arguments).unwrap_or_else(|why| panic!("{arguments:?}: {why}"))
    }

    /// `kill -9` of the server whose turn it is to die.
    pub(crate) fn kill_one(&self) {
        let pid = self.pids.lock().unwrap().pop().expect("one that was not killed yet");
        assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    }

    /// What the application's own tables answer, a row a line.
    fn sql(&self, sql: &str) -> String {
        let psql = r#". "$0"; exec psql "$FLEET_DATABASE" -X -A -t -c "$1""#;
        let output =
            Command::new("bash").args(["-c", psql]).arg(&self.shell).arg(sql).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// How often each order had an effect of this kind.
    pub(crate) fn all_effects(&self, kind: &str) -> BTreeMap<u32, u64> {
        let sql = format!(
            "SELECT substr(order_id, 5), count(*) FROM effects WHERE kind = '{kind}' GROUP BY 1"
        );
        let pair = |line: &str| {
            let (order, count) = line.split_once('|').unwrap();
            (order.parse().unwrap(), count.parse().unwrap())
        };
        self.sql(&sql).lines().map(pair).collect()
    }

    /// The requests that had an effect.
    pub(crate) fn effective_requests(&self) -> BTreeSet<String> {
        self.sql("SELECT request_id FROM effects").lines().map(ToOwned::to_owned).collect()
    }

    /// A request of a client of 2025, which knows no `_meta`, and what came of it: which server, its session, the result.
    pub(crate) fn legacy(&self, message: &Value) -> (u32, Option<String>, Value) {
        let message = message.to_string();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\nmcp-protocol-version: 2025-11-25\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{message}",
            self.address,
            self.token,
            message.len(),
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{text}");
        let header = |name: &str| {
            let named = |line: &str| Some(line.strip_prefix(name)?.trim().to_owned());
            head.lines().find_map(named)
        };
        let start = body.rfind(r#"{"jsonrpc""#).unwrap_or_else(|| panic!("no message: {text}"));
        let message: Value = serde_json::from_str(&body[start..=body.rfind('}').unwrap()]).unwrap();
        let replica = header("x-replica:").expect("the server that answered").parse().unwrap();
        (replica, header("mcp-session-id:"), message["result"].clone())
    }

    /// Tells it to end and waits until it has. How it ended, and what it kept its files in.
    pub(crate) fn end(mut self) -> (ExitStatus, PathBuf) {
        drop(self.child.stdin.take());
        (self.child.wait().unwrap(), self.shell.parent().unwrap().to_owned())
    }

    /// The servers it began with, those that were killed left out.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.pids.lock().unwrap().clone()
    }

    pub(crate) fn effects(&self, kind: &str, order: u32) -> u64 {
        self.all_effects(kind).get(&order).copied().unwrap_or(0)
    }
}
