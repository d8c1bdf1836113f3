//! A store with somebody who looks on.

use std::future::Future;
use std::pin::Pin;

use mcp_secure::approval::{Approval, ApprovalId, NewApproval, Party, Vote};
use mcp_secure::canon::Digest;
use mcp_secure::clock::Timestamp;
use mcp_secure::store::{
    ApprovalFilter, Committed, Decided, Fence, Finished, KeyRecord, LapsedRun, Leased, ListedRun,
    Moved, NewRun, NewTicket, Notice, NoticeEnd, Renewed, Requested, Resolution, Resolved,
    RunFilter, RunId, RunRecord, RunResult, Sqlite, Store, StoreFuture, Switch, SwitchScope,
    Ticket, TicketKind, Wanted,
};
use serde_json::Value;

/// Who looks on.
pub(crate) trait Onlooker: Send + Sync {
    /// The store is asked something, but for what the process asks on its own now and then.
    fn asked(&self, _what: &'static str) {}

    /// The store has committed a run, or not, and whoever asked hears of it after this.
    fn committed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// A store that hands everything on.
pub(crate) struct Watched<O> {
    pub(crate) store: Sqlite,
    pub(crate) onlooker: O,
}

macro_rules! watched {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $kind),*) -> StoreFuture<'_, $answer> {
            self.onlooker.asked(stringify!($name));
            self.store.$name($($argument),*)
        })*
    };
}

impl<O: Onlooker> Store for Watched<O> {
    watched! {
        now() -> Timestamp;
        request_approval(new: NewApproval) -> Requested;
        approval_for(effect: &Digest) -> Option<Approval>;
        approval(id: &ApprovalId) -> Option<Approval>;
        answer(id: &ApprovalId) -> Option<Value>;
        approvals(filter: ApprovalFilter, limit: u32) -> Vec<Approval>;
        nth(tenant: &str, after: Option<(Timestamp, ApprovalId)>, nth: u32) -> Option<(Timestamp, ApprovalId)>;
        decide(id: &ApprovalId, digest: Digest, vote: Vote) -> Decided;
        withdraw(id: &ApprovalId, by: Party) -> Moved;
        void_approval(id: &ApprovalId, why: &str) -> Moved;
        void_approvals(ids: Vec<ApprovalId>, why: &str) -> Vec<Approval>;
        resolve(id: &ApprovalId, found: Resolution, by: Party) -> Moved;
        idempotent(key: &Digest) -> Option<KeyRecord>;
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

    fn commit_run(&self, run: NewRun) -> StoreFuture<'_, Committed> {
        self.onlooker.asked("commit_run");
        Box::pin(async move {
            let committed = self.store.commit_run(run).await;
            self.onlooker.committed().await;
            committed
        })
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
