//! The real application, and 10,000 requests in its store.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use mcp_secure::approval::{
    Approval, ApprovalId, NewApproval, Party, StateKind, Verdict, Vote, VoteRefused,
};
use mcp_secure::canon::Digest;
use mcp_secure::clock::Clock;
use mcp_secure::identity::Method;
use mcp_secure::store::{
    ApprovalFilter, Decided, Postgres, PostgresOptions, Requested, Sqlite, Store, StoreError,
};
use serde_json::{Value, json};

use crate::wire::Wire;

/// How many accounts have asked. Each may have a few dozen requests that wait.
const ACCOUNTS: u64 = 250;

/// A data folder and the program on it.
pub(crate) struct Desk {
    program: PathBuf,
    data: PathBuf,
    /// The address of the store, where it is not a file of the folder.
    store: Option<String>,
}

impl Desk {
    pub(crate) fn new(program: &Path, data: PathBuf, store: Option<String>) -> Self {
        Self { program: program.to_owned(), data, store }
    }

    /// Whether somebody has filled it before.
    pub(crate) fn is_there(&self) -> bool {
        self.data.exists()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for name in
            ["DATA", "STORE", "SERVER", "INBOX_URL", "TOKEN", "WEBHOOK_URL", "WEBHOOK_SECRET"]
        {
            command.env_remove(format!("MCP_SECURE_{name}"));
        }
        command.envs(self.store.iter().map(|address| ("MCP_SECURE_STORE", address)));
        command.env("RUST_LOG", "warn").arg("--data").arg(&self.data).args(arguments);
        command
    }

    /// What a command prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn serve(&self) -> Server {
        let mut command = self.command(&["serve", "--http", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the server says where it serves").unwrap();
            if let Some((_, rest)) = line.split_once("http://") {
                break rest.split('/').next().unwrap().parse().unwrap();
            }
        };
        // What else it says is let go, lest it waits for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Server { child, address }
    }

    /// Fills the store: real requests, asked for as an agent asks, and then the like of them.
    pub(crate) async fn fill(&self, pending: u64, ended: u64) {
        let server = self.serve();
        let alice = self.run(&["token", "--as", "alice"]);
        let mut wire = Wire::to(server.address);
        for (tool, arguments) in asked() {
            let result = wire.mcp(&alice, &message(&json!({}), tool, &arguments));
            assert_eq!(result["structuredContent"]["code"], "approval_required", "{result:#}");
        }
        drop(server);
        let store = self.open().await;
        let made = store.approvals(ApprovalFilter::default(), 10).await.unwrap();
        assert_eq!(made.len(), asked().len());
        let made: Arc<[Approval]> = made.into();
        fill(&store, &made, ended, true).await;
        fill(&store, &made, pending, false).await;
    }

    async fn open(&self) -> Arc<dyn Store> {
        match &self.store {
            None => {
                let path = self.data.join("mcp-secure.sqlite");
                Arc::new(Sqlite::open(&path, Clock::system()).unwrap())
            }
            Some(address) => {
                let options = PostgresOptions::new(address).unwrap();
                Arc::new(Postgres::open(&options).await.unwrap())
            }
        }
    }
}

/// The server, a process of its own. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// A line of what the kernel says of its memory, in MB (of 10^6 bytes).
    pub(crate) fn memory(&self, line: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let value = status.lines().find_map(|l| l.strip_prefix(line)).unwrap();
        let kib: f64 = value.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap();
        kib * 1024.0 / 1e6
    }

    /// Its processor time so far, in milliseconds.
    pub(crate) fn cpu_ms(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        // Linux counts in hundredths of a second for all programs.
        (ticks(11) + ticks(12)) * 10.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A call of a client that declares these capabilities.
pub(crate) fn message(capabilities: &Value, tool: &str, arguments: &Value) -> Value {
    declaring(capabilities, "tools/call", json!({"name": tool, "arguments": arguments}))
}

pub(crate) fn declaring(capabilities: &Value, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1.0.0"},
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// One of each tool that people decide on.
fn asked() -> [(&'static str, Value); 3] {
    let why = "The customer has written twice and waits for an answer by the end of the week.";
    [
        (
            "request_refund",
            json!({"order_id": "ord_5001", "amount_cents": 12_000, "reason": "damaged"}),
        ),
        (
            "request_customer_status_change",
            json!({"customer_id": "cus_1001", "proposed_status": "paused", "reason": why}),
        ),
        ("close_account", json!({"customer_id": "cus_1001", "reason": why})),
    ]
}

/// The like of the requests that were `made`, each about something else.
async fn fill(store: &Arc<dyn Store>, made: &Arc<[Approval]>, count: u64, ended: bool) {
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..64 {
        let (store, made) = (Arc::clone(store), Arc::clone(made));
        tasks.spawn(async move {
            for number in (worker..count).step_by(64) {
                let like = &made[usize::try_from(number).unwrap() % made.len()];
                let new = another(like, number, ended);
                let id = loop {
                    match store.request_approval(new.clone()).await {
                        Ok(Requested::Created(made) | Requested::Existing(made)) => break made.id,
                        // A disk that others keep busy: what was handed in is done all the same.
                        Err(StoreError::Unavailable(_)) => {}
                        other => panic!("not created: {other:?}"),
                    }
                };
                if ended {
                    deny(&*store, &id, &new).await;
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

async fn deny(store: &dyn Store, id: &ApprovalId, new: &NewApproval) {
    loop {
        match store.decide(id, new.effect, denial(&new.requester)).await {
            // Or it was counted before, and nobody heard of that.
            Ok(
                Decided::Counted(_) | Decided::Refused(VoteRefused::NotPending(StateKind::Denied)),
            ) => return,
            Ok(Decided::Refused(why)) => panic!("not counted: {why}"),
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
        }
    }
}

fn another(like: &Approval, number: u64, ended: bool) -> NewApproval {
    // Any of the forty customers and orders of the tenant.
    let about = |value: &Value| -> Value {
        let text = value.to_string();
        let text = text.replace("ord_5001", &format!("ord_{}", 5001 + number % 40));
        serde_json::from_str(&text.replace("cus_1001", &format!("cus_{}", 1001 + number % 40)))
            .unwrap()
    };
    let arguments = |value: &Value| {
        let mut value = about(value);
        if value.get("amount_cents").is_some() {
            value["amount_cents"] = json!(1 + number);
        } else {
            let reason = value["reason"].as_str().unwrap();
            value["reason"] = json!(format!("{reason} (no. {number})"));
        }
        value
    };
    let account = format!("agent-{}", number % ACCOUNTS);
    NewApproval {
        effect: Digest::of_bytes(format!("{ended} {number}").as_bytes()),
        requester: Party {
            subject: account.clone(),
            person: Some(account),
            ..like.requester.clone()
        },
        tool: like.tool.clone(),
        contract: like.contract,
        resource: about(&like.resource),
        arguments: arguments(&like.arguments),
        exact: arguments(&like.exact),
        client_key: None,
        preview: like.preview.as_ref().map(about),
        risk: like.risk.clone(),
        asked_by: like.asked_by.clone(),
        by: like.by.clone(),
        quorum: like.quorum,
        allow_requester: like.allow_requester,
        expires_in_ms: 24 * 60 * 60 * 1000,
        max_pending: u32::MAX,
        task: false,
        announce: false,
    }
}

fn denial(asked: &Party) -> Vote {
    let voter = Party {
        subject: "bob".to_owned(),
        person: Some("bob".to_owned()),
        client: "bench".to_owned(),
        method: Method::Bearer,
        ..asked.clone()
    };
    let reason = Some("seen the order".to_owned());
    Vote { voter, verdict: Verdict::Deny, reason, policy: Some("leads-decide".to_owned()) }
}
