//! The promises of a store, held by every store: each case is a function over a [`Desk`], run once a database. `faults`
//! breaks files.

/// Runs each case on every store.
macro_rules! cases {
    ($($case:ident,)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(super::Desk::sqlite()).await;
            })+
        }

        #[cfg(feature = "postgres")]
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(super::Desk::postgres()).await;
            })+
        }

        #[cfg(feature = "postgres")]
        mod pooled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(super::Desk::pooled()).await;
            })+
        }
    };
}

mod approvals;
mod clocks;
mod faults;
mod keys;
mod listing;
#[allow(
    clippy::enum_variant_names,
    clippy::match_same_arms,
    clippy::needless_pass_by_value,
    clippy::single_match_else,
    clippy::single_match,
    clippy::struct_excessive_bools,
    clippy::too_many_lines,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "the model has the shape of what it models, and mutants have the shape of what they stand for"
)]
mod model;
mod notices;
#[cfg(feature = "postgres")]
mod outages;
mod rollbacks;
mod runs;
mod shared;
mod tickets;
mod views;

use super::*;
use crate::approval::{State, Verdict};
use crate::clock::Clock;
use crate::identity::Method;
#[cfg(feature = "postgres")]
use mcp_secure_test_postgres::{Pooler, Server};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

pub(super) const HOUR: i64 = 60 * 60 * 1000;

/// A store as several processes have it open.
pub(super) type Shared = Arc<dyn Store>;

/// A database of its own, and the time in it.
pub(super) struct Desk {
    folder: tempfile::TempDir,
    /// Where the database is a server's: its name, and what clients connect with.
    #[cfg(feature = "postgres")]
    server: Option<(String, String)>,
    pub(super) clock: Clock,
}

impl Desk {
    pub(super) fn sqlite() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            #[cfg(feature = "postgres")]
            server: None,
            clock: Clock::fixed(Timestamp::from_millis(1_700_000_000_000)),
        }
    }

    #[cfg(feature = "postgres")]
    pub(super) fn postgres() -> Self {
        let server = Server::shared();
        let database = server.database();
        let connection = server.connection(&database);
        Self { server: Some((database, connection)), ..Self::sqlite() }
    }

    /// The same behind a pooler, where every transaction may be on another connection.
    #[cfg(feature = "postgres")]
    pub(super) fn pooled() -> Self {
        static POOLER: std::sync::OnceLock<Pooler<'static>> = std::sync::OnceLock::new();
        let server = Server::shared();
        let database = server.database();
        let connection = POOLER.get_or_init(|| server.pooler()).connection(&database);
        Self { server: Some((database, connection)), ..Self::sqlite() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    /// One more process that opens the store.
    pub(super) async fn open(&self) -> Shared {
        self.open_at(self.clock.clone()).await
    }

    /// One more process, whose clock shows something else.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "a server is waited for")
    )]
    pub(super) async fn open_at(&self, clock: Clock) -> Shared {
        #[cfg(feature = "postgres")]
        if let Some((_, connection)) = &self.server {
            let mut options = PostgresOptions::new(connection).unwrap();
            options.clock = Some(clock);
            return Arc::new(Postgres::open(&options).await.unwrap());
        }
        Arc::new(Sqlite::open(&self.path(), clock).unwrap())
    }

    /// What the database itself says.
    pub(super) fn number(&self, sql: &str) -> i64 {
        #[cfg(feature = "postgres")]
        if let Some((database, _)) = &self.server {
            let sql = format!("SET search_path = mcp_secure; {sql}");
            return Server::shared().sql(database, &sql).parse().unwrap();
        }
        rusqlite::Connection::open(self.path()).unwrap().query_row(sql, [], |r| r.get(0)).unwrap()
    }

    /// Changes rows behind the store's back.
    pub(super) fn change(&self, sql: &str) {
        #[cfg(feature = "postgres")]
        if let Some((database, _)) = &self.server {
            let sql = format!("SET search_path = mcp_secure; {sql}");
            Server::shared().sql(database, &sql);
            return;
        }
        rusqlite::Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    /// The file, to break it.
    pub(super) fn file(&self) -> Arc<Sqlite> {
        Arc::new(Sqlite::open(&self.path(), self.clock.clone()).unwrap())
    }
}

pub(super) fn party(name: &str, client: &str) -> Party {
    Party {
        issuer: "https://id.example".to_owned(),
        subject: format!("sub-{name}"),
        tenant: "acme".to_owned(),
        person: Some(name.to_owned()),
        actors: Vec::new(),
        client: client.to_owned(),
        method: Method::Bearer,
        roles: std::collections::BTreeSet::new(),
        scopes: std::collections::BTreeSet::new(),
    }
}

pub(super) fn alice() -> Party {
    party("alice", "agent")
}

/// A refund of `cents`, which nobody has asked for yet.
pub(super) fn refund(cents: i64) -> NewApproval {
    let arguments = json!({"order_id": "o-1", "amount_cents": cents});
    NewApproval {
        effect: Digest::of_value(&arguments).unwrap(),
        requester: alice(),
        tool: "request_refund".to_owned(),
        contract: Digest::of_bytes(b"contract"),
        resource: json!({"type": "Order", "id": "o-1"}),
        exact: arguments.clone(),
        client_key: None,
        arguments,
        preview: Some(json!({"refunded": cents})),
        risk: "high".to_owned(),
        asked_by: "the declaration".to_owned(),
        by: "refund.request.approve".to_owned(),
        quorum: 1,
        allow_requester: false,
        expires_in_ms: 24 * 60 * 60 * 1000,
        max_pending: 20,
        task: false,
        announce: false,
    }
}

pub(super) async fn ask(store: &Shared, new: NewApproval) -> Approval {
    match store.request_approval(new).await.unwrap() {
        Requested::Created(approval) => approval,
        other => panic!("not created: {other:?}"),
    }
}

pub(super) fn vote(name: &str, verdict: Verdict) -> Vote {
    Vote {
        voter: party(name, "inbox"),
        verdict,
        reason: Some("seen the order".to_owned()),
        policy: Some("leads-decide".to_owned()),
    }
}

pub(super) async fn approve(store: &Shared, approval: &Approval, name: &str) -> Decided {
    store.decide(&approval.id, approval.effect, vote(name, Verdict::Approve)).await.unwrap()
}

/// A request that people have approved.
pub(super) async fn approved(store: &Shared, new: NewApproval) -> Approval {
    let approval = ask(store, new).await;
    match approve(store, &approval, "bob").await {
        Decided::Counted(approval) if approval.state.kind() == StateKind::Approved => approval,
        other => panic!("not approved: {other:?}"),
    }
}

pub(super) fn run_of(approval: &Approval) -> NewRun {
    NewRun {
        run_id: RunId::random(),
        request_id: "req-1".to_owned(),
        tool: approval.tool.clone(),
        effect: approval.effect,
        caller: approval.requester.clone(),
        mutating: true,
        approval: Some((approval.id, approval.effect)),
        idempotency: None,
        compensates: None,
        lease_ms: 30_000,
    }
}

pub(super) async fn start(store: &Shared, run: NewRun) -> (RunId, Fence) {
    let id = run.run_id;
    match store.commit_run(run).await.unwrap() {
        Committed::Running { fence, .. } => (id, fence),
        Committed::Refused(why) => panic!("not committed: {why}"),
    }
}

pub(super) fn done(answer: Option<Value>) -> RunResult {
    RunResult::Done { result: Digest::of_bytes(b"result"), answer, rollback: None }
}

pub(super) async fn state_of(store: &Shared, id: &ApprovalId) -> State {
    store.approval(id).await.unwrap().unwrap().state
}

pub(super) async fn kind_of(store: &Shared, id: &ApprovalId) -> StateKind {
    state_of(store, id).await.kind()
}

cases! {
    the_time_never_steps_back_for_anybody,
    a_write_is_carried_out_even_if_nobody_waits_for_it,
    many_waiters_share_the_store_and_each_gets_its_own_answer,
}

async fn the_time_never_steps_back_for_anybody(desk: Desk) {
    let ahead = desk.open_at(Clock::fixed(Timestamp::from_millis(5_000))).await;
    assert!(ahead.recover().await.unwrap().is_empty());
    drop(ahead);
    let behind = desk.open_at(Clock::fixed(Timestamp::from_millis(4_000))).await;
    assert_eq!(behind.now().await.unwrap().millis(), 5_000);
    let asked = ask(&behind, refund(1)).await;
    assert_eq!(asked.created.millis(), 5_000);
}

async fn a_write_is_carried_out_even_if_nobody_waits_for_it(desk: Desk) {
    let store = desk.open().await;
    let new = refund(1);
    let effect = new.effect;
    let mut asking = store.request_approval(new);
    let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(asking.as_mut().poll(cx))).await;
    drop((asking, polled));
    for _ in 0..500 {
        if store.approval_for(&effect).await.unwrap().is_some() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the write was dropped with its future");
}

async fn many_waiters_share_the_store_and_each_gets_its_own_answer(desk: Desk) {
    let store = desk.open().await;
    let tasks: Vec<_> = (0..100)
        .map(|cents| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let new = NewApproval { max_pending: 1000, ..refund(cents) };
                (new.effect, ask(&store, new).await)
            })
        })
        .collect();
    for task in tasks {
        let (effect, approval) = task.await.unwrap();
        assert_eq!(approval.effect, effect);
    }
}

/// A run without an approval, under the key called `key`.
pub(super) fn keyed(key: &str, arguments: &str) -> NewRun {
    NewRun {
        run_id: RunId::random(),
        request_id: "req-1".to_owned(),
        tool: "request_refund".to_owned(),
        effect: Digest::of_bytes(arguments.as_bytes()),
        caller: alice(),
        mutating: true,
        approval: None,
        idempotency: Some(NewKey {
            key: Digest::of_bytes(key.as_bytes()),
            arguments: Digest::of_bytes(arguments.as_bytes()),
            window_ms: 1_000,
            rerun: false,
        }),
        compensates: None,
        lease_ms: 30_000,
    }
}

/// The same call, whose tool may be run again after a doubt.
pub(super) fn rerunnable(key: &str, arguments: &str) -> NewRun {
    let run = keyed(key, arguments);
    let idempotency = run.idempotency.map(|key| NewKey { rerun: true, ..key });
    NewRun { idempotency, ..run }
}

pub(super) async fn key_of(store: &Shared, key: &str) -> Option<KeyState> {
    store.idempotent(&Digest::of_bytes(key.as_bytes())).await.unwrap().map(|found| found.state)
}

/// A done run that can be rolled back for ten days.
pub(super) fn revocable(output: Value) -> RunResult {
    RunResult::Done {
        result: Digest::of_bytes(b"result"),
        answer: None,
        rollback: Some(NewRollback { output, within_ms: 10 * 24 * 3_600_000 }),
    }
}

pub(super) async fn end(store: &Shared, run: &(RunId, Fence), result: RunResult) -> Finished {
    store.finish_run(&run.0, run.1, result).await.unwrap()
}

pub(super) fn no_effect() -> RunResult {
    RunResult::NoEffect { error: "the bank said no".to_owned(), answer: None }
}

pub(super) fn unknown() -> RunResult {
    RunResult::Unknown { why: "it panicked".to_owned() }
}
