//! Races, lost answers and crashes between the steps of the pipeline, one step at a time.

#![allow(
    unused_parens,
    clippy::unused_async,
    reason = "`tools![..]` is no macro of another crate here, and tools need not wait"
)]

mod answers;
mod asking;
mod ends;
mod store;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::approval::{Approval, ApprovalId, StateKind, Verdict};
use crate::clock::{Clock, Timestamp};
use crate::pipeline::Settings;
use crate::prelude::*;
use crate::store::{RunState, Sqlite, Store, StoreSource};
use crate::testing::{LocalClient, LocalServer};
use store::{Plan, Planned};

/// What the bodies do and wait for.
#[derive(Default)]
struct World {
    done: AtomicU32,
    entered: Notify,
    go_on: Notify,
    /// What a body takes away while it runs: the folder of the record.
    record: std::sync::Mutex<Option<PathBuf>>,
    waits: AtomicBool,
}

impl World {
    async fn act(&self) {
        if let Some(folder) = self.record.lock().unwrap().take() {
            std::fs::remove_dir_all(folder).unwrap();
        }
        if self.waits.load(Ordering::SeqCst) {
            self.entered.notify_one();
            self.go_on.notified().await;
        }
        self.done.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(State)]
struct Bank {
    #[state(write)]
    world: Arc<World>,
}

/// Pays somebody.
#[tool(risk = "high", permission = "money.pay", approval, irreversible)]
async fn pay(world: &Arc<World>, cents: u32) -> Content {
    world.act().await;
    Content::text(format!("paid {cents}"))
}

/// Notes something.
#[tool(risk = "medium", permission = "money.pay", destructive = false, idempotency(key = [number]))]
async fn note(world: &Arc<World>, number: u32) -> Content {
    world.act().await;
    Content::text(format!("noted {number}"))
}

/// Begins something, and nobody knows how it ends.
#[tool(risk = "medium", permission = "money.pay", destructive = false)]
async fn vanish(world: &Arc<World>) -> Result<Content, ToolError> {
    world.act().await;
    Err(ToolError::internal("the line went dead"))
}

const POLICIES: &str = r#"
permit (principal in Role::"teller", action in Action::"money.pay", resource);
permit (principal in Role::"head", action in [Action::"money.pay.approve", Action::"money.pay.resolve"], resource);
"#;

struct Town {
    local: LocalServer,
    store: Arc<Planned>,
    clock: Clock,
    world: Arc<World>,
    folder: tempfile::TempDir,
}

impl Town {
    async fn open() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(Timestamp::from_millis(1_700_000_000_000));
        let file = Sqlite::open(&folder.path().join("store.sqlite"), clock.clone()).unwrap();
        let store = Arc::new(Planned::new(Arc::new(file)));
        let world = Arc::new(World::default());
        let lent = Arc::clone(&world);
        let server = Server::builder(move |_| Ok::<_, String>(Bank { world: Arc::clone(&lent) }))
            .info("bank", "1.0.0")
            .owner("tests")
            .tools(tools![pay, note, vanish])
            .people(
                People::new()
                    .with(Person::new("alice", "acme").roles(["teller"]))
                    .with(Person::new("bob", "acme").roles(["head"])),
            )
            .settings(settings)
            .store(StoreSource::Custom(Arc::clone(&store) as Arc<dyn Store>))
            .policies(Policies::from_str("bank.cedar", POLICIES));
        let local =
            LocalServer::open_with(server, folder.path(), clock.clone(), true).await.unwrap();
        Self { local, store, clock, world, folder }
    }

    fn alice(&self) -> LocalClient {
        self.local.connect("alice").unwrap()
    }

    /// A request of alice's. Nobody but her goes on with it.
    async fn asked(&self) -> ApprovalId {
        let reply = self.alice().call("pay", json!({"cents": 100})).await;
        reply.approval_id().unwrap().parse().unwrap()
    }

    async fn approved(&self) -> ApprovalId {
        let id = self.asked().await;
        self.local.decide("bob", &id.to_string(), Verdict::Approve).await.unwrap();
        id
    }

    async fn kind(&self, id: &ApprovalId) -> StateKind {
        self.store.approval(id).await.unwrap().unwrap().state.kind()
    }

    /// How the only run stands.
    async fn run(&self) -> RunState {
        let runs = self.local.runs("alice").await.unwrap();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs[0].state
    }

    fn done(&self) -> u32 {
        self.world.done.load(Ordering::SeqCst)
    }

    async fn records(&self) -> Vec<Value> {
        records_in(&self.local.audit_dir().await)
    }

    /// The last record of that event.
    async fn last(&self, event: &str) -> Value {
        let records = self.records().await;
        records.into_iter().rfind(|record| record["event"] == event).unwrap()
    }

    fn record(&self) -> PathBuf {
        self.local.data_dir().join("audit")
    }
}

fn records_in(folder: &std::path::Path) -> Vec<Value> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let text = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect::<String>();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until `holds`, for as long as a busy machine may take.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never {what}");
}
