//! A store whose next operation of some name goes as a test plans it.

use std::collections::HashMap;
use std::sync::Mutex;

use super::*;
use crate::approval::{NewApproval, Party, Vote};
use crate::canon::Digest;
use crate::store::{
    ApprovalFilter, Committed, Decided, Fence, Finished, KeyRecord, LapsedRun, Leased, ListedRun,
    Moved, NewRun, NewTicket, Notice, NoticeEnd, Renewed, Requested, Resolution, Resolved,
    RunFilter, RunId, RunRecord, RunResult, StoreError, StoreFuture, Switch, SwitchScope, Ticket,
    TicketKind, Wanted,
};
use crate::tool::BoxFuture;

/// How an operation goes.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) before: Option<BoxFuture<'static, ()>>,
    /// It never reaches the store.
    pub(super) fails: bool,
    pub(super) after: Option<BoxFuture<'static, ()>>,
    /// It is carried out, and its answer never comes.
    pub(super) is_lost: bool,
}

impl Plan {
    pub(super) fn fails() -> Self {
        Self { fails: true, ..Self::default() }
    }

    pub(super) fn is_lost() -> Self {
        Self { is_lost: true, ..Self::default() }
    }

    pub(super) fn before(what: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { before: Some(Box::pin(what)), ..Self::default() }
    }

    pub(super) fn after(what: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { after: Some(Box::pin(what)), ..Self::default() }
    }
}

pub(super) struct Planned {
    pub(super) store: Arc<Sqlite>,
    plans: Mutex<HashMap<&'static str, Plan>>,
}

impl Planned {
    pub(super) fn new(store: Arc<Sqlite>) -> Self {
        Self { store, plans: Mutex::default() }
    }

    /// The next operation called `name` goes like that.
    pub(super) fn plan(&self, name: &'static str, plan: Plan) {
        self.plans.lock().unwrap().insert(name, plan);
    }

    async fn go<'a, T>(
        &'a self,
        name: &'static str,
        work: impl FnOnce(&'a Sqlite) -> StoreFuture<'a, T> + Send + 'a,
    ) -> Result<T, StoreError> {
        let plan = self.plans.lock().unwrap().remove(name).unwrap_or_default();
        let gone = || Err(StoreError::Unavailable("planned".to_owned()));
        if let Some(before) = plan.before {
            before.await;
        }
        if plan.fails {
            return gone();
        }
        let answer = work(&self.store).await;
        if let Some(after) = plan.after {
            after.await;
        }
        if plan.is_lost { gone() } else { answer }
    }
}

macro_rules! as_it_is {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $kind),*) -> StoreFuture<'_, $answer> {
            self.store.$name($($argument),*)
        })*
    };
}

impl Store for Planned {
    fn request_approval(&self, new: NewApproval) -> StoreFuture<'_, Requested> {
        Box::pin(self.go("request_approval", move |store| store.request_approval(new)))
    }

    fn decide(&self, id: &ApprovalId, digest: Digest, vote: Vote) -> StoreFuture<'_, Decided> {
        let id = *id;
        Box::pin(self.go("decide", move |store| store.decide(&id, digest, vote)))
    }

    fn withdraw(&self, id: &ApprovalId, by: Party) -> StoreFuture<'_, Moved> {
        let id = *id;
        Box::pin(self.go("withdraw", move |store| store.withdraw(&id, by)))
    }

    fn resolve_run(&self, id: &RunId, found: Resolution, by: Party) -> StoreFuture<'_, Resolved> {
        let id = *id;
        Box::pin(self.go("resolve_run", move |store| store.resolve_run(&id, found, by)))
    }

    fn commit_run(&self, run: NewRun) -> StoreFuture<'_, Committed> {
        Box::pin(self.go("commit_run", move |store| store.commit_run(run)))
    }

    fn renew(&self, run: &RunId, fence: Fence, lease_ms: u64) -> StoreFuture<'_, Renewed> {
        let run = *run;
        Box::pin(self.go("renew", move |store| store.renew(&run, fence, lease_ms)))
    }

    as_it_is! {
        now() -> Timestamp;
        approval_for(effect: &Digest) -> Option<Approval>;
        approval(id: &ApprovalId) -> Option<Approval>;
        answer(id: &ApprovalId) -> Option<Value>;
        approvals(filter: ApprovalFilter, limit: u32) -> Vec<Approval>;
        void_approval(id: &ApprovalId, why: &str) -> Moved;
        void_approvals(ids: Vec<ApprovalId>, why: &str) -> Vec<Approval>;
        resolve(id: &ApprovalId, found: Resolution, by: Party) -> Moved;
        expire_due() -> Vec<ApprovalId>;
        idempotent(key: &Digest) -> Option<KeyRecord>;
        finish_run(run: &RunId, fence: Fence, result: RunResult) -> Finished;
        recover() -> Vec<LapsedRun>;
        told(runs: Vec<RunId>, approvals: Vec<ApprovalId>) -> ();
        run(id: &RunId) -> Option<RunRecord>;
        runs(filter: RunFilter, limit: u32) -> Vec<ListedRun>;
        lease(wanted: Vec<Wanted>) -> Vec<Leased>;
        switches() -> Vec<Switch>;
        switch(scope: SwitchScope, off: bool, by: &str, reason: Option<&str>) -> bool;
        put_ticket(digest: Digest, new: NewTicket) -> ();
        ticket(kind: TicketKind, digest: &Digest) -> Option<Ticket>;
        take_ticket(kind: TicketKind, digest: &Digest) -> Option<Ticket>;
        renew_ticket(kind: TicketKind, digest: &Digest, in_ms: u64) -> bool;
        nth(tenant: &str, after: Option<(Timestamp, ApprovalId)>, nth: u32) -> Option<(Timestamp, ApprovalId)>;
        due_notices(limit: u32, hold_ms: u64) -> Vec<Notice>;
        notices(of: &ApprovalId) -> Vec<Notice>;
        settle_notice(number: i64, end: NoticeEnd) -> ();
    }
}
