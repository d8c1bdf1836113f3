//! A data folder, and the program run on it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio as Pipe};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{call, mcp, refusal_code, structured};

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where the tests say that people decide.
pub(crate) const INBOX: &str = "https://desk.example.com";

/// The `support-desk` program, built if it is not up to date; `SUPPORT_DESK_PROGRAM` names another build of it.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let other = std::env::var_os("SUPPORT_DESK_PROGRAM");
        other.map_or_else(|| mcp_secure_tests::programs::program("support-desk"), PathBuf::from)
    })
}

/// What a finished command left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            status: output.status,
            stdout: String::from_utf8(output.stdout).expect("standard output is text"),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Its standard output as JSON; it has to have succeeded.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        self.succeeded();
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {self:#?}"))
    }

    #[track_caller]
    pub(crate) fn succeeded(&self) -> &Self {
        assert!(self.status.success(), "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn exited_with(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self
    }
}

/// A fresh data folder.
#[derive(Debug)]
pub(crate) struct Desk {
    folder: TempDir,
    store: Option<String>,
    program: Option<PathBuf>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), store: None, program: None }
    }

    /// One of another program with the same command line.
    #[allow(
        dead_code,
        reason = "several test programs share this, and one of them has another program"
    )]
    pub(crate) fn of(program: PathBuf) -> Self {
        Self { program: Some(program), ..Self::new() }
    }

    /// One whose store is this database.
    pub(crate) fn on_store(address: String) -> Self {
        Self { store: Some(address), ..Self::new() }
    }

    /// The desk as another machine has it: a folder of its own with the same keys, the same database, and the same world,
    /// in which the effects are counted. It has to have served once.
    pub(crate) fn replica(&self) -> Self {
        let replica = Self { store: self.store.clone(), ..Self::new() };
        std::fs::create_dir(replica.data()).unwrap();
        let only_ours = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(replica.data(), only_ours).unwrap();
        for name in ["mcp-secure-data.json", "local-issuer.key", "audit.key"] {
            std::fs::copy(self.data().join(name), replica.data().join(name)).unwrap();
        }
        let world = "support-desk.sqlite";
        std::os::unix::fs::symlink(self.data().join(world), replica.data().join(world)).unwrap();
        replica
    }

    pub(crate) fn store(&self) -> Option<&str> {
        self.store.as_deref()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("support-desk-data")
    }

    /// The program on this folder, with nothing of this process's environment that could steer it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let program = self.program.as_deref().unwrap_or_else(|| program());
        let mut command = Command::new(program);
        for name in
            ["DATA", "STORE", "SERVER", "INBOX_URL", "TOKEN", "WEBHOOK_URL", "WEBHOOK_SECRET"]
        {
            command.env_remove(format!("MCP_SECURE_{name}"));
        }
        command.envs(self.store.iter().map(|address| ("MCP_SECURE_STORE", address)));
        command.arg("--data").arg(self.data()).args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        Finished::of(&mut self.command(arguments))
    }

    pub(crate) fn token(&self, name: &str) -> String {
        let finished = self.run(&["token", "--as", name]);
        finished.succeeded().stdout.trim().to_owned()
    }

    /// A token that decides over HTTP.
    pub(crate) fn decision_token(&self, name: &str) -> String {
        let finished = self.run(&["token", "--as", name, "--for", "approvals"]);
        finished.succeeded().stdout.trim().to_owned()
    }

    /// How often an effect happened in the world, which is the desk's own database.
    pub(crate) fn effects(&self, kind: &str) -> i64 {
        let desk = rusqlite::Connection::open(self.data().join("support-desk.sqlite")).unwrap();
        desk.busy_timeout(PATIENCE).unwrap();
        desk.query_row("SELECT count(*) FROM effects WHERE kind = ?1", [kind], |row| row.get(0))
            .unwrap()
    }

    /// Each effect has one call of its own, and the record tells how that call began and that it was carried out; a call
    /// on record as carried out has its effect.
    #[track_caller]
    pub(crate) fn effects_are_on_record(&self) {
        let desk = rusqlite::Connection::open(self.data().join("support-desk.sqlite")).unwrap();
        let mut effects = desk.prepare("SELECT request_id, tool, by FROM effects").unwrap();
        let mut effects: Vec<[String; 3]> = effects
            .query_map((), |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        effects.sort();
        let calls = |event: &str| -> Vec<[String; 3]> {
            let mut found: Vec<_> = self
                .records(&["--outcome", event])
                .iter()
                .filter(|record| event == "intent" || record["outcome"]["code"] == "ok")
                .map(|record| {
                    [&record["request_id"], &record["tool"], &record["principal"]["subject"]]
                        .map(|value| value.as_str().unwrap_or_default().to_owned())
                })
                .collect();
            found.sort();
            found
        };
        assert_eq!(effects, calls("outcome"), "effects, and what is on record as carried out");
        let intents = calls("intent");
        assert!(effects.iter().all(|effect| intents.contains(effect)), "{effects:?}: {intents:?}");
    }

    /// The runs that somebody may see, newest first.
    #[track_caller]
    pub(crate) fn runs(&self, by: &str, state: &str) -> Vec<Value> {
        let found = self.run(&["runs", "list", "--as", by, "--state", state, "--format", "json"]);
        found.json().as_array().unwrap().clone()
    }

    /// Bob, a support lead, approves a request on the command line.
    #[track_caller]
    pub(crate) fn approve(&self, approval_id: &str, by: &str) -> Finished {
        let finished =
            self.run(&["approvals", "approve", approval_id, "--as", by, "--format", "json"]);
        finished.succeeded();
        finished
    }

    /// Everything the audit holds is in order.
    #[track_caller]
    pub(crate) fn audit_holds(&self) {
        self.run(&["audit", "verify"]).succeeded();
    }

    /// The records of the audit as JSON.
    #[track_caller]
    pub(crate) fn records(&self, arguments: &[&str]) -> Vec<Value> {
        let finished = self.run(&[&["audit", "query", "--format", "json"], arguments].concat());
        match finished.json() {
            Value::Array(records) => records,
            other => panic!("no list of records: {other:#}"),
        }
    }

    /// A server that knows where people decide.
    pub(crate) fn serve_with_inbox(&self) -> Server {
        Server::start(|address| self.command(&["serve", "--http", address, "--inbox-url", INBOX]))
    }

    /// Time runs out for a request, as if it had been asked for long ago.
    pub(crate) fn let_expire(&self, approval_id: &str) {
        let store = rusqlite::Connection::open(self.data().join("mcp-secure.sqlite")).unwrap();
        store.busy_timeout(PATIENCE).unwrap();
        let changed = store
            .execute("UPDATE approvals SET expires = created + 1 WHERE id = ?1", [approval_id]);
        assert_eq!(changed.unwrap(), 1, "{approval_id} is not there");
    }

    pub(crate) fn serve(&self) -> Server {
        Server::start(|address| self.command(&["serve", "--http", address]))
    }
}

/// A running HTTP server. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts what `command` makes for a free address, and waits until it takes connections.
    #[track_caller]
    pub(crate) fn start(command: impl FnOnce(&str) -> Command) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut log = tempfile::tempfile().unwrap();
        let mut child = command(&address.to_string())
            .stdin(Pipe::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log.try_clone().unwrap())
            .spawn()
            .unwrap();
        let since = Instant::now();
        while !answers(address) {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {ended:?}\n{}", text(&mut log));
            assert!(since.elapsed() < PATIENCE, "the server does not listen\n{}", text(&mut log));
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Calls a tool in the 2026-07-28 protocol and returns the result.
    #[track_caller]
    pub(crate) fn ask(&self, token: &str, tool: &str, arguments: &Value) -> Value {
        mcp(token, &call(1, tool, arguments.clone())).send(self.address).result()
    }

    /// Calls a tool that waits for a person, has `by` approve it, and calls it again.
    #[track_caller]
    pub(crate) fn approved(
        &self,
        desk: &Desk,
        token: &str,
        by: &str,
        (tool, arguments): (&str, &Value),
    ) -> Value {
        let asked = self.ask(token, tool, arguments);
        assert_eq!(refusal_code(&asked), "approval_required", "{asked:#}");
        desk.approve(structured(&asked)["approval_id"].as_str().unwrap(), by);
        self.ask(token, tool, arguments)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`: no time for anything.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What a supervisor does.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        ask_to_end(self.pid());
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Whether somebody speaks HTTP there; an open port alone may be a server that is about to refuse to start.
fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let asked =
        stream.write_all(b"GET /mcp HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let mut answer = [0; 5];
    asked.is_ok() && stream.read_exact(&mut answer).is_ok() && &answer == b"HTTP/"
}

/// `kill -TERM`, by the shell: not every system has the program.
pub(crate) fn ask_to_end(pid: u32) {
    let kill = format!("kill -TERM {pid}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn text(log: &mut File) -> String {
    use std::io::Seek as _;
    let mut text = String::new();
    log.rewind().unwrap();
    log.read_to_string(&mut text).unwrap();
    text
}
