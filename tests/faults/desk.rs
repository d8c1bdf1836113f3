//! A data folder with its store, the program on it, and the truth beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mcp_secure::clock::Clock;
use mcp_secure::store::{Postgres as PostgresStore, PostgresOptions, Sqlite};
use mcp_secure_test_postgres::{MachineClock, Server as Postgres};
use mcp_secure_tests::programs::example;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;

/// The program of `app.rs`, built if it is not up to date. `FAULTS_PROGRAM` names another build of it.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let other = std::env::var_os("FAULTS_PROGRAM");
        other.map_or_else(|| example("faults-app"), PathBuf::from)
    })
}

/// Where approvals, runs and keys are kept.
pub(crate) enum Store<'a> {
    Sqlite,
    Postgres { server: &'a Postgres, database: String },
}

pub(crate) struct Desk<'a> {
    folder: TempDir,
    store: Store<'a>,
    /// What puts every process of this desk on a clock of the test's own.
    clock: Option<MachineClock>,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(store: Store<'a>) -> Self {
        program();
        Self { folder: tempfile::tempdir().unwrap(), store, clock: None }
    }

    pub(crate) fn on(postgres: Option<&'a Postgres>) -> Self {
        Self::new(match postgres {
            Some(server) => Store::Postgres { server, database: server.database() },
            None => Store::Sqlite,
        })
    }

    /// The same with a clock that can be set back under its processes.
    pub(crate) fn with_clock(mut self) -> Self {
        self.clock = Some(MachineClock::kept_in(self.folder.path()));
        self
    }

    pub(crate) const fn clock(&self) -> Option<&MachineClock> {
        self.clock.as_ref()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.env_remove("MCP_SECURE_DATA").env_remove("MCP_SECURE_STORE").env("RUST_LOG", "off");
        if let Some(clock) = &self.clock {
            clock.worn_by(&mut command);
        }
        command.arg("--data").arg(self.data());
        if let Store::Postgres { server, database } = &self.store {
            command.arg("--store").arg(server.url(database));
        }
        command.args(arguments);
        command
    }

    pub(crate) fn serve(&self) -> Client {
        self.serve_with(Duration::from_secs(1))
    }

    /// The same with another lease.
    pub(crate) fn serve_with(&self, lease: Duration) -> Client {
        let mut command = self.command(&["serve", "--stdio", "--as", "alice"]);
        command.env("FAULTS_LEASE_MS", lease.as_millis().to_string());
        command.stderr(Stdio::null());
        Client::start(command)
    }

    /// A server over HTTP with what people decide at, which its caller ends.
    pub(crate) fn serve_http(&self, address: SocketAddr) -> Child {
        let mut command = self.command(&["serve", "--http", &address.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// What a command did, well or not, on a database at `url`, with this file for all authorities that are trusted.
    pub(crate) fn try_run_on(&self, url: &str, trusted: &Path, arguments: &[&str]) -> Output {
        let mut command = self.command(&["--store", url]);
        command.args(arguments).env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR");
        command.output().unwrap()
    }

    /// A server on such a database.
    pub(crate) fn serve_on(&self, url: &str, trusted: &Path) -> Client {
        let mut command = self.command(&["--store", url, "serve", "--stdio", "--as", "alice"]);
        command.env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR").stderr(Stdio::null());
        Client::start(command)
    }

    /// What a command did, well or not.
    pub(crate) fn try_run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// A command that is killed after a while, if it has not ended by then. True where it had not.
    pub(crate) fn killed(&self, arguments: &[&str], after: Duration) -> bool {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        let lives = child.try_wait().unwrap().is_none();
        drop(child.kill());
        child.wait().unwrap();
        lives
    }

    /// Sets the store's time ahead, as a process does whose clock is wrong.
    pub(crate) fn step_ahead(&self, by: Duration) {
        let millis = by.as_millis();
        match &self.store {
            Store::Sqlite => {
                let store = rusqlite::Connection::open(self.data().join("mcp-secure.sqlite"));
                let store = store.unwrap();
                store.busy_timeout(Duration::from_secs(30)).unwrap();
                let sql = format!("UPDATE meta SET value = value + {millis} WHERE key = 'time'");
                assert_eq!(store.execute(&sql, ()).unwrap(), 1);
            }
            Store::Postgres { server, database } => {
                let sql = format!(
                    "UPDATE mcp_secure.meta SET value = value + {millis} WHERE key = 'time' RETURNING 1"
                );
                assert_eq!(server.sql(database, &sql), "1");
            }
        }
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.try_run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--format", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What really happened of this kind: the requests that did it to each bill.
    pub(crate) fn effects(&self, kind: &str) -> BTreeMap<u32, Vec<String>> {
        let ledger = rusqlite::Connection::open(self.data().join("ledger.sqlite")).unwrap();
        let mut rows =
            ledger.prepare("SELECT bill, request_id FROM effects WHERE kind = ?1").unwrap();
        let rows = rows.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let mut effects: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for row in rows {
            let (bill, request_id) = row.unwrap();
            effects.entry(bill).or_default().push(request_id);
        }
        effects
    }

    /// The requests whose intent is on record, read from the files.
    pub(crate) fn intents(&self) -> BTreeSet<String> {
        let of = |record: Value| record["request_id"].as_str().unwrap().to_owned();
        self.records("intent").into_iter().map(of).collect()
    }

    /// What is on record of this event, read from the files.
    pub(crate) fn records(&self, event: &str) -> Vec<Value> {
        let mut records = Vec::new();
        for file in std::fs::read_dir(self.data().join("audit")).unwrap() {
            let text = std::fs::read(file.unwrap().path()).unwrap();
            let lines = text.split(|byte| *byte == b'\n');
            let parsed = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
            records.extend(parsed.filter(|record| record["event"] == event));
        }
        records
    }

    /// The store as one more process has it open, once a server has made it.
    pub(crate) async fn store(&self) -> Arc<dyn mcp_secure::store::Store> {
        match &self.store {
            Store::Sqlite => {
                let file = self.data().join("mcp-secure.sqlite");
                Arc::new(Sqlite::open(&file, Clock::system()).unwrap())
            }
            Store::Postgres { server, database } => {
                let options = PostgresOptions::new(&server.connection(database)).unwrap();
                Arc::new(PostgresStore::open(&options).await.unwrap())
            }
        }
    }

    /// How many runs stand so, as the store itself has it.
    pub(crate) fn states(&self) -> BTreeMap<String, u64> {
        match &self.store {
            Store::Sqlite => {
                let store = rusqlite::Connection::open(self.data().join("mcp-secure.sqlite"));
                let store = store.unwrap();
                let mut rows =
                    store.prepare("SELECT state, count(*) FROM runs GROUP BY state").unwrap();
                let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
                let pair = |row: Result<(String, i64), _>| {
                    let (state, count) = row.unwrap();
                    (state, count.unsigned_abs())
                };
                rows.unwrap().map(pair).collect()
            }
            Store::Postgres { server, database } => {
                let sql = "SELECT state, count(*) FROM mcp_secure.runs GROUP BY state";
                let said = server.sql(database, sql);
                let pair = |line: &str| {
                    let (state, count) = line.split_once('|').unwrap();
                    (state.to_owned(), count.parse().unwrap())
                };
                said.lines().map(pair).collect()
            }
        }
    }
}
