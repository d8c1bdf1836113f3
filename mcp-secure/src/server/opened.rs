//! The opened server as people see it who decide, look and switch: on the command line, in the inbox, over HTTP. Nothing
//! here is generic, and nothing here calls a tool.

use std::sync::{Arc, Mutex, PoisonError};

use super::face::Face;
use crate::approval::{Approval, ApprovalId, Verdict};
use crate::audit::{AuditError, Event, Record};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::identity::Authenticated;
use crate::pipeline::{
    Answer, DecideRefused, Gate, Look, Page, RequestAt, ResolveRefused, RevealRefused, Revealed,
    RunAt, Served, SwitchRefused, Voided,
};
use crate::policy::Act;
use crate::store::{
    ApprovalFilter, ListedRun, NewTicket, Resolution, RunFilter, RunId, RunRecord, Store,
    StoreError, StoreFuture, Switch, SwitchScope, Ticket, TicketKind,
};
use crate::tool::BoxFuture;

/// An application with its store, its audit and its pipeline open.
pub(crate) trait Opened: Send + Sync {
    /// The pipeline, for a transport.
    fn face(&self) -> Arc<dyn Face>;

    /// Says where the inbox is reached, before the first call: the base address that `/inbox` comes after.
    fn set_inbox_url(&self, base: &str);

    /// Begins to tell others of requests for approval, now that it is known where people decide.
    fn announce(&self);

    /// The request called `id`, if `who` may see it.
    fn approval<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a ApprovalId,
    ) -> BoxFuture<'a, Result<Approval, DecideRefused>>;

    /// Takes a decision through policy, tenant and four eyes, and records it. Why not is said in words.
    fn decide<'a>(
        &'a self,
        decider: Authenticated,
        id: &'a ApprovalId,
        digest: Digest,
        verdict: Verdict,
        reason: Option<String>,
    ) -> BoxFuture<'a, Result<Approval, DecideRefused>>;

    /// Takes back a request that `who` has made and that has not run, and records it; as it then stands.
    fn withdraw<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a ApprovalId,
    ) -> BoxFuture<'a, Result<Approval, DecideRefused>>;

    /// Makes every request useless that stands and that `who` may decide, and records it.
    fn void<'a>(
        &'a self,
        who: &'a Authenticated,
        before: Option<Timestamp>,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<Voided, String>>;

    /// A page of the runs that `who` may see, newest first.
    fn runs_page<'a>(
        &'a self,
        who: &'a Authenticated,
        filter: RunFilter,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page<ListedRun, RunAt>, StoreError>>;

    /// The run called `id`, if `who` may see it.
    fn run<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a RunId,
    ) -> BoxFuture<'a, Result<Option<RunRecord>, String>>;

    /// Takes back what a run did, through the whole pipeline.
    fn rollback<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a RunId,
        reason: Option<String>,
    ) -> BoxFuture<'a, Answer>;

    /// Takes down what became of a run in doubt, through policy, tenant and four eyes, and records it.
    fn resolve<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a RunId,
        found: Resolution,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<RunRecord, ResolveRefused>>;

    /// What is switched off, for whoever may switch.
    fn switched_off<'a>(
        &'a self,
        who: &'a Authenticated,
    ) -> BoxFuture<'a, Result<Vec<Switch>, SwitchRefused>>;

    /// Switches off or on, through policy, and records it. False where it stood so already.
    fn switch<'a>(
        &'a self,
        who: &'a Authenticated,
        scope: SwitchScope,
        off: bool,
        reason: Option<&'a str>,
    ) -> BoxFuture<'a, Result<bool, SwitchRefused>>;

    /// A page of the requests that `who` may see, newest first.
    fn approvals_page<'a>(
        &'a self,
        who: &'a Authenticated,
        filter: ApprovalFilter,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page<Approval, RequestAt>, StoreError>>;

    /// One request with what `who` may do about it.
    fn look<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a ApprovalId,
    ) -> BoxFuture<'a, Result<Look, DecideRefused>>;

    /// What is masked of a request, for whom policy lets see it. On record before it is returned.
    fn reveal<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a ApprovalId,
        digest: Digest,
    ) -> BoxFuture<'a, Result<Revealed, RevealRefused>>;

    /// The tools whose requests `who` could decide on.
    fn decidable(&self, who: &Authenticated) -> Vec<Arc<Served>>;

    /// Whether policy could let `who` do this with some call of the tool.
    fn could(&self, who: &Authenticated, act: Act, tool: &str) -> bool;

    /// Whether policy could let `who` switch anything.
    fn could_switch(&self, who: &Authenticated) -> bool;

    /// What policy lets `who` switch off, or on.
    fn switchable(&self, who: &Authenticated, off: bool) -> Vec<SwitchScope>;

    /// The tool of that name.
    fn served(&self, tool: &str) -> Option<Arc<Served>>;

    /// Where what browsers hold a secret to is kept.
    fn tickets(&self) -> &dyn Tickets;

    /// Writes a record of somebody who signs in or out, and waits for it.
    fn record(&self, record: Record) -> BoxFuture<'_, Result<(), AuditError>>;

    /// Hands over a record of somebody who was not let in; it is not waited for.
    fn record_refused(&self, record: Record);

    /// Lets mutating calls end, writes down what is queued, and closes.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The part of a store that sessions need: tickets by the digest of their secret, and the time they go by.
pub(crate) trait Tickets: Send + Sync {
    /// The store's time.
    fn now(&self) -> StoreFuture<'_, Timestamp>;

    /// As [`Store::put_ticket`].
    fn put(&self, digest: Digest, new: NewTicket) -> StoreFuture<'_, ()>;

    /// As [`Store::ticket`].
    fn find(&self, kind: TicketKind, digest: &Digest) -> StoreFuture<'_, Option<Ticket>>;

    /// As [`Store::take_ticket`].
    fn take(&self, kind: TicketKind, digest: &Digest) -> StoreFuture<'_, Option<Ticket>>;

    /// As [`Store::renew_ticket`].
    fn renew(&self, kind: TicketKind, digest: &Digest, in_ms: u64) -> StoreFuture<'_, bool>;
}

impl Tickets for Arc<dyn Store> {
    fn now(&self) -> StoreFuture<'_, Timestamp> {
        Store::now(&**self)
    }

    fn put(&self, digest: Digest, new: NewTicket) -> StoreFuture<'_, ()> {
        self.put_ticket(digest, new)
    }

    fn find(&self, kind: TicketKind, digest: &Digest) -> StoreFuture<'_, Option<Ticket>> {
        self.ticket(kind, digest)
    }

    fn take(&self, kind: TicketKind, digest: &Digest) -> StoreFuture<'_, Option<Ticket>> {
        self.take_ticket(kind, digest)
    }

    fn renew(&self, kind: TicketKind, digest: &Digest, in_ms: u64) -> StoreFuture<'_, bool> {
        self.renew_ticket(kind, digest, in_ms)
    }
}

/// What begins once and later.
pub(crate) type Later = Box<dyn FnOnce() + Send>;

/// A gate that is open, and what begins to tell others of requests.
struct OpenedServer(Arc<Gate>, Mutex<Option<Later>>);

/// A gate as people see it.
#[cfg(test)]
pub(crate) fn opened(gate: Arc<Gate>) -> Arc<dyn Opened> {
    opened_to_announce(gate, None)
}

/// The same, where others are told of requests.
pub(crate) fn opened_to_announce(gate: Arc<Gate>, announce: Option<Later>) -> Arc<dyn Opened> {
    Arc::new(OpenedServer(gate, Mutex::new(announce)))
}

impl Opened for OpenedServer {
    fn face(&self) -> Arc<dyn Face> {
        Arc::clone(&self.0) as Arc<dyn Face>
    }

    fn set_inbox_url(&self, base: &str) {
        self.0.set_inbox_url(base);
    }

    fn announce(&self) {
        if let Some(begin) = self.1.lock().unwrap_or_else(PoisonError::into_inner).take() {
            begin();
        }
    }

    fn approval<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a ApprovalId,
    ) -> BoxFuture<'a, Result<Approval, DecideRefused>> {
        Box::pin(self.0.approval_for(who, id))
    }

    fn decide<'a>(
        &'a self,
        decider: Authenticated,
        id: &'a ApprovalId,
        digest: Digest,
        verdict: Verdict,
        reason: Option<String>,
    ) -> BoxFuture<'a, Result<Approval, DecideRefused>> {
        Box::pin(async move {
            let made = self.0.decide(&decider, id, digest, verdict, reason).await;
            made.map(|made| made.approval)
        })
    }

    fn withdraw<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a ApprovalId,
    ) -> BoxFuture<'a, Result<Approval, DecideRefused>> {
        Box::pin(self.0.withdraw(who, id))
    }

    fn void<'a>(
        &'a self,
        who: &'a Authenticated,
        before: Option<Timestamp>,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<Voided, String>> {
        Box::pin(self.0.void_standing(who, before, reason))
    }

    fn runs_page<'a>(
        &'a self,
        who: &'a Authenticated,
        filter: RunFilter,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page<ListedRun, RunAt>, StoreError>> {
        Box::pin(self.0.runs_page(who, filter, limit))
    }

    fn run<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a RunId,
    ) -> BoxFuture<'a, Result<Option<RunRecord>, String>> {
        Box::pin(async move { self.0.run_for(who, id).await.map_err(|error| error.to_string()) })
    }

    fn rollback<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a RunId,
        reason: Option<String>,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(self.0.rollback(who, id, reason))
    }

    fn resolve<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a RunId,
        found: Resolution,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<RunRecord, ResolveRefused>> {
        Box::pin(self.0.resolve(who, id, found, reason))
    }

    fn switched_off<'a>(
        &'a self,
        who: &'a Authenticated,
    ) -> BoxFuture<'a, Result<Vec<Switch>, SwitchRefused>> {
        Box::pin(self.0.switched_off(who))
    }

    fn switch<'a>(
        &'a self,
        who: &'a Authenticated,
        scope: SwitchScope,
        off: bool,
        reason: Option<&'a str>,
    ) -> BoxFuture<'a, Result<bool, SwitchRefused>> {
        Box::pin(self.0.switch(who, scope, off, reason))
    }

    fn approvals_page<'a>(
        &'a self,
        who: &'a Authenticated,
        filter: ApprovalFilter,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page<Approval, RequestAt>, StoreError>> {
        Box::pin(self.0.approvals_page(who, filter, limit))
    }

    fn look<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a ApprovalId,
    ) -> BoxFuture<'a, Result<Look, DecideRefused>> {
        Box::pin(self.0.look(who, id))
    }

    fn reveal<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a ApprovalId,
        digest: Digest,
    ) -> BoxFuture<'a, Result<Revealed, RevealRefused>> {
        Box::pin(self.0.reveal(who, id, digest))
    }

    fn decidable(&self, who: &Authenticated) -> Vec<Arc<Served>> {
        self.0.decidable(who)
    }

    fn could(&self, who: &Authenticated, act: Act, tool: &str) -> bool {
        self.0.could(who, act, tool)
    }

    fn could_switch(&self, who: &Authenticated) -> bool {
        self.0.could_switch(who)
    }

    fn switchable(&self, who: &Authenticated, off: bool) -> Vec<SwitchScope> {
        self.0.switchable(who, off)
    }

    fn served(&self, tool: &str) -> Option<Arc<Served>> {
        self.0.served(tool)
    }

    fn tickets(&self) -> &dyn Tickets {
        self.0.store()
    }

    fn record(&self, record: Record) -> BoxFuture<'_, Result<(), AuditError>> {
        Box::pin(async move { self.0.audit().durable(record).await.map(drop) })
    }

    fn record_refused(&self, record: Record) {
        if let Err(error) = self.0.audit().queued(record) {
            tracing::error!(%error, "a refused sign-in could not be recorded");
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.0.drain().await;
            if let Err(error) = self.0.audit().durable(Record::new(Event::Shutdown)).await {
                tracing::error!(%error, "the shutdown could not be recorded");
            }
            if let Err(error) = self.0.audit().close().await {
                tracing::error!(%error, "the record did not close in order");
            }
        })
    }
}
