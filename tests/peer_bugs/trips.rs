//! What a call costs in round trips to the store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use mcp_secure::approval::{Approval, ApprovalId, NewApproval, Party, Vote};
use mcp_secure::canon::Digest;
use mcp_secure::clock::{Clock, Timestamp};
use mcp_secure::prelude::*;
use mcp_secure::store::{
    ApprovalFilter, Committed, Decided, Fence, Finished, KeyRecord, LapsedRun, Leased, Moved,
    NewRun, NewTicket, Notice, NoticeEnd, Renewed, Requested, Resolution, Resolved, RunFilter,
    RunId, RunRecord, RunResult, Sqlite, Store, StoreFuture, StoreSource, Switch, SwitchScope,
    Ticket, TicketKind, Wanted,
};
use serde_json::{Value, json};

use crate::app::{Effects, Fixture, Weather};

/// A store that counts what is asked of it, but for what the process asks on its own now and then.
struct Counting {
    store: Sqlite,
    asked: Arc<AtomicU64>,
    last: Arc<Mutex<Vec<&'static str>>>,
}

macro_rules! counted {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $kind),*) -> StoreFuture<'_, $answer> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.last.lock().unwrap().push(stringify!($name));
            self.store.$name($($argument),*)
        })*
    };
}

impl Store for Counting {
    counted! {
        now() -> Timestamp;
        request_approval(new: NewApproval) -> Requested;
        approval_for(effect: &Digest) -> Option<Approval>;
        approval(id: &ApprovalId) -> Option<Approval>;
        answer(id: &ApprovalId) -> Option<Value>;
        approvals(filter: ApprovalFilter, limit: u32) -> Vec<Approval>;
        decide(id: &ApprovalId, digest: Digest, vote: Vote) -> Decided;
        withdraw(id: &ApprovalId, by: Party) -> Moved;
        void_approval(id: &ApprovalId, why: &str) -> Moved;
        void_approvals(ids: Vec<ApprovalId>, why: &str) -> Vec<Approval>;
        resolve(id: &ApprovalId, found: Resolution, by: Party) -> Moved;
        idempotent(key: &Digest) -> Option<KeyRecord>;
        commit_run(run: NewRun) -> Committed;
        renew(run: &RunId, fence: Fence, lease_ms: u64) -> Renewed;
        finish_run(run: &RunId, fence: Fence, result: RunResult) -> Finished;
        run(id: &RunId) -> Option<RunRecord>;
        runs(filter: RunFilter, limit: u32) -> Vec<ListedRun>;
        resolve_run(id: &RunId, found: Resolution, by: Party) -> Resolved;
        lease(wanted: Vec<Wanted>) -> Vec<Leased>;
        switch(scope: SwitchScope, off: bool, by: &str, reason: Option<&str>) -> bool;
        put_ticket(digest: Digest, new: NewTicket) -> ();
        ticket(kind: TicketKind, digest: &Digest) -> Option<Ticket>;
        take_ticket(kind: TicketKind, digest: &Digest) -> Option<Ticket>;
        renew_ticket(kind: TicketKind, digest: &Digest, in_ms: u64) -> bool;
        settle_notice(number: i64, end: NoticeEnd) -> ();
    }

    fn expire_due(&self) -> StoreFuture<'_, Vec<ApprovalId>> {
        self.store.expire_due()
    }

    fn recover(&self) -> StoreFuture<'_, Vec<LapsedRun>> {
        self.store.recover()
    }

    fn told(&self, runs: Vec<RunId>, approvals: Vec<ApprovalId>) -> StoreFuture<'_, ()> {
        self.store.told(runs, approvals)
    }

    fn notices(&self, of: &ApprovalId) -> StoreFuture<'_, Vec<Notice>> {
        self.store.notices(of)
    }

    fn switches(&self) -> StoreFuture<'_, Vec<Switch>> {
        self.store.switches()
    }

    fn due_notices(&self, limit: u32, hold_ms: u64) -> StoreFuture<'_, Vec<Notice>> {
        self.store.due_notices(limit, hold_ms)
    }
}

/// Looks.
#[tool(risk = "low", permission = "note.read", read_only)]
async fn look(_weather: &Weather) -> Content {
    Content::text("seen")
}

/// Notes.
#[tool(risk = "medium", permission = "note.write", destructive = false)]
async fn note(effects: &Effects, number: u32) -> Content {
    effects.happened(format!("noted {number}"));
    Content::text("noted")
}

/// Notes once.
#[tool(risk = "medium", permission = "note.write", idempotency(key = [number]))]
async fn note_once(effects: &Effects, number: u32) -> Content {
    effects.happened(format!("noted {number} once"));
    Content::text("noted")
}

/// Notes, and not too often.
#[tool(risk = "medium", permission = "note.write", rate_limit = "4000/min per user")]
async fn note_slowly(effects: &Effects, number: u32) -> Content {
    effects.happened(format!("noted {number} slowly"));
    Content::text("noted")
}

const POLICIES: &str = r#"
    permit (principal in Role::"clerk", action in [Action::"note.read", Action::"note.write"], resource);
"#;

#[tokio::test]
async fn a_read_asks_the_store_nothing_a_key_costs_one_trip_and_a_limit_hardly_any() {
    let folder = tempfile::tempdir().unwrap();
    let (asked, last) = (Arc::new(AtomicU64::new(0)), Arc::<Mutex<Vec<_>>>::default());
    let store = Counting {
        store: Sqlite::open(&folder.path().join("store.sqlite"), Clock::system()).unwrap(),
        asked: Arc::clone(&asked),
        last: Arc::clone(&last),
    };
    let bank = Fixture::built(|builder| {
        builder
            .tools(tools![look, note, note_once, note_slowly])
            .policies(Policies::from_str("bank", POLICIES))
            .store(StoreSource::Custom(Arc::new(store)))
    })
    .await
    .unwrap();
    let client = bank.client("alice");
    let trips = async |tool: &str, arguments: serde_json::Value| {
        last.lock().unwrap().clear();
        let before = asked.load(Ordering::Relaxed);
        assert!(client.call(tool, arguments).await.ok);
        asked.load(Ordering::Relaxed) - before
    };
    for number in 0..20 {
        let names = || last.lock().unwrap().clone();
        assert_eq!(trips("look", json!({})).await, 0, "{:?}", names());
        assert_eq!(trips("note", json!({"number": number})).await, 2, "{:?}", names());
        assert_eq!(names(), ["commit_run", "finish_run"]);
        assert_eq!(trips("note_once", json!({"number": number})).await, 3, "{:?}", names());
        // Its first answer again is one look.
        assert_eq!(trips("note_once", json!({"number": number})).await, 1, "{:?}", names());
    }
    let mut leases = 0;
    for number in 0..200 {
        leases += trips("note_slowly", json!({"number": number})).await - 2;
    }
    assert!((1..=20).contains(&leases), "{leases} leases for 200 calls");
    assert_eq!(bank.effects.all().len(), 240);
}
