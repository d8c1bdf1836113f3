//! What must survive a restart: approvals and what is told of them, runs, idempotency keys, rights to roll back, shared
//! limits, switches, and the tickets that people sign in with.
//!
//! Several processes share one store: each stdio host starts its own server, and the command line is another. So every
//! decision is a compare-and-set inside a transaction, and nothing is true until it is durable. A refusal is an
//! ordinary answer with a reason; a [`StoreError`] means that nothing is known to have happened, and callers fail
//! closed.
//!
//! [`Sqlite`] is the embedded implementation. With the feature `postgres` there is `Postgres`, for several machines.

mod error;
mod judge;
mod key;
mod limit;
mod listing;
mod notice;
mod pace;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
mod row;
mod run;
mod source;
mod sqlite;
mod switch;
#[cfg(test)]
mod tests;
mod ticket;

pub use error::StoreError;
pub use key::{KeyRecord, KeyState, NewKey};
pub use limit::{Leased, Rate, Wanted};
pub use notice::{Notice, NoticeEnd};
#[cfg(feature = "postgres")]
pub use postgres::{Postgres, PostgresOptions};
pub use record::{
    ListedRun, NewRollback, NotARunState, Resolved, RollbackRefused, RollbackState, RunFilter,
    RunRecord, RunState, UnreadableRun,
};
pub use run::{
    CommitRefused, Committed, Fence, Finished, LapsedRun, NewRun, Renewed, RunId, RunResult,
};
pub use source::StoreSource;
pub use sqlite::Sqlite;
pub use switch::{NotAScope, Switch, SwitchScope};
pub use ticket::{NewTicket, Ticket, TicketKind};

use crate::approval::{
    Approval, ApprovalId, NewApproval, Party, StateKind, TransitionRefused, Vote, VoteRefused,
};
use crate::canon::Digest;
use crate::clock::Timestamp;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;

/// What a store answers with. Boxed, so that a store can be chosen at start-up.
///
/// Dropping it does not take the operation back: a write that was handed in is carried out.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The answer to [`Store::request_approval`].
#[derive(Debug, Clone, PartialEq)]
pub enum Requested {
    /// People are asked now.
    Created(Approval),
    /// This effect is already asked for, running, in doubt, or was answered within the last 24 hours.
    Existing(Approval),
    /// The request before this one ran out and its requester has not heard of it until now; nobody is asked. The same
    /// request made once more asks anew.
    RanOut(Approval),
    /// The requester has this many requests pending, and no more are taken.
    TooManyPending(u32),
}

/// The answer to [`Store::decide`].
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one a decision, and easier to match without a box")]
pub enum Decided {
    /// The vote counts. The state tells whether more people are needed.
    Counted(Approval),
    /// The vote does not count.
    Refused(VoteRefused),
}

/// The answer to an operation that moves a request along, other than a vote.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one a decision, and easier to match without a box")]
pub enum Moved {
    /// It moved.
    To(Approval),
    /// No such request, or not this party's.
    NotFound,
    /// It stays where it is.
    Refused(TransitionRefused),
    /// This party may not move it.
    NotAllowed(VoteRefused),
}

/// What a person found out about a run in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The effect happened.
    Done,
    /// The effect never happened. The approval stays consumed all the same.
    NotDone,
}

/// Which requests to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// Only those that stand so at the store's time.
    pub state: Option<StateKind>,
    /// Only those asked for before this time.
    pub before: Option<Timestamp>,
    /// Only those that come after this one in the list, by its [`created`](Approval::created) and its id: the last one of
    /// the page before, whether or not it still is in the list.
    pub after: Option<(Timestamp, ApprovalId)>,
    /// Only those down to this one in the list, itself included: as far as a search looks, see [`Store::nth`].
    pub until: Option<(Timestamp, ApprovalId)>,
    /// Only this tool's.
    pub tool: Option<String>,
    /// Only those with this text in their id, tool, resource, or the account or person that asked. Upper and lower case
    /// are not told apart, space around it does not count, and no character of it stands for others.
    pub text: Option<String>,
    /// Only those whose client waits for a task.
    pub tasks: bool,
    /// Only those that wait for nobody's decision at the store's time.
    pub settled: bool,
}

/// The store. One page, so that a second implementation can be held against it.
pub trait Store: Send + Sync {
    /// The store's time. It never runs behind a time that was written down.
    fn now(&self) -> StoreFuture<'_, Timestamp>;

    /// Asks for an approval, unless the effect has a request that stands or an answer that still repeats.
    fn request_approval(&self, new: NewApproval) -> StoreFuture<'_, Requested>;

    /// The request for `effect` that stands, else the latest whose answer still repeats. The one read that returns
    /// [`Approval::answer`].
    fn approval_for(&self, effect: &Digest) -> StoreFuture<'_, Option<Approval>>;

    /// The request called `id`, without the answer.
    fn approval(&self, id: &ApprovalId) -> StoreFuture<'_, Option<Approval>>;

    /// What is kept for whoever waits for the request called `id`: the answer of a done one, or how a failed one failed. It
    /// is kept for a day, and is its requester's alone.
    fn answer(&self, id: &ApprovalId) -> StoreFuture<'_, Option<Value>>;

    /// Requests, newest first, without their answers; 1,000 at most. A request that cannot be read is left out, and said in
    /// the process's own log: while there are others the list is as long as was asked for.
    fn approvals(&self, filter: ApprovalFilter, limit: u32) -> StoreFuture<'_, Vec<Approval>>;

    /// The `nth` request of a tenant's whole list, counted from the beginning or from `after`; nothing where there are not so
    /// many. A search has to look at every request, however few fit: this says where to stop and go on another time.
    fn nth(
        &self,
        tenant: &str,
        after: Option<(Timestamp, ApprovalId)>,
        nth: u32,
    ) -> StoreFuture<'_, Option<(Timestamp, ApprovalId)>>;

    /// Counts a vote on the request called `id` that was shown to the voter under `digest`.
    fn decide(&self, id: &ApprovalId, digest: Digest, vote: Vote) -> StoreFuture<'_, Decided>;

    /// Takes a pending request back. Only the account that asked may.
    fn withdraw(&self, id: &ApprovalId, by: Party) -> StoreFuture<'_, Moved>;

    /// Makes an approved request useless, since what would run is no longer what people approved.
    fn void_approval(&self, id: &ApprovalId, why: &str) -> StoreFuture<'_, Moved>;

    /// Makes those of these requests useless that wait (`withdrawn`) or are approved and not used (`void`), in one
    /// transaction, and returns them.
    fn void_approvals(&self, ids: Vec<ApprovalId>, why: &str) -> StoreFuture<'_, Vec<Approval>>;

    /// Ends the doubt about an approved run, as [`resolve_run`](Self::resolve_run) does.
    fn resolve(&self, id: &ApprovalId, found: Resolution, by: Party) -> StoreFuture<'_, Moved>;

    /// Writes down what ran out, drops what nobody needs any more (rows of runs, full buckets, tickets whose time is over),
    /// and returns the expired requests for the audit: each to
    /// one process, and to another half a minute later unless the first says that it is [`told`](Self::told).
    fn expire_due(&self) -> StoreFuture<'_, Vec<ApprovalId>>;

    /// Who holds an idempotency key. A key whose window is over is nobody's; a run or a doubt holds it for ever.
    fn idempotent(&self, key: &Digest) -> StoreFuture<'_, Option<KeyRecord>>;

    /// Writes the running row, takes the idempotency key, consumes the approval and takes the right to roll back, in one
    /// durable transaction. The body may run only after [`Committed::Running`].
    fn commit_run(&self, run: NewRun) -> StoreFuture<'_, Committed>;

    /// Holds the lease for another `lease_ms` from now.
    fn renew(&self, run: &RunId, fence: Fence, lease_ms: u64) -> StoreFuture<'_, Renewed>;

    /// Writes down how a run ended. [`RunResult::NoEffect`] frees what the run had taken, except its approval. A run in doubt
    /// keeps what it tells late for the person who resolves it; [`RunResult::NeverBegan`] alone ends the doubt.
    fn finish_run(&self, run: &RunId, fence: Fence, result: RunResult)
    -> StoreFuture<'_, Finished>;

    /// Puts runs in doubt whose lease lapsed without an outcome, and returns them as [`expire_due`](Self::expire_due) does.
    fn recover(&self) -> StoreFuture<'_, Vec<LapsedRun>>;

    /// Says that the audit holds what [`recover`](Self::recover) and [`expire_due`](Self::expire_due) returned. Until then
    /// it is returned again: an answer can be lost, and so can whoever got it.
    fn told(&self, runs: Vec<RunId>, approvals: Vec<ApprovalId>) -> StoreFuture<'_, ()>;

    /// The run called `id`, while its row is kept: a day, while it can be rolled back, while its key answers, and for
    /// ever in doubt.
    fn run(&self, id: &RunId) -> StoreFuture<'_, Option<RunRecord>>;

    /// Runs, newest first; 1,000 at most. A row that cannot be read is a line of its own, and said in the process's own
    /// log; one that has not even an id is left out: while there are others the list is as long as was asked for.
    fn runs(&self, filter: RunFilter, limit: u32) -> StoreFuture<'_, Vec<ListedRun>>;

    /// Ends the doubt about any run, and moves its approval, its key and its right to roll back along. `by` is a person
    /// of the same tenant other than the caller; the channel has asked the policy.
    fn resolve_run(&self, id: &RunId, found: Resolution, by: Party) -> StoreFuture<'_, Resolved>;

    /// Takes calls out of buckets that all processes share, in one transaction: out of each, or, where one of them grants
    /// none, out of none. Each bucket is named once. The answers are in the order of what is wanted.
    fn lease(&self, wanted: Vec<Wanted>) -> StoreFuture<'_, Vec<Leased>>;

    /// What is off.
    fn switches(&self) -> StoreFuture<'_, Vec<Switch>>;

    /// Turns `scope` off or on again. Answers whether that changed anything.
    fn switch(
        &self,
        scope: SwitchScope,
        off: bool,
        by: &str,
        reason: Option<&str>,
    ) -> StoreFuture<'_, bool>;

    /// Keeps a ticket under the digest of its secret. A ticket of this kind that is kept under it already stays as it is, and
    /// that is an error.
    fn put_ticket(&self, digest: Digest, new: NewTicket) -> StoreFuture<'_, ()>;

    /// The ticket of this kind under `digest`, while it is good.
    fn ticket(&self, kind: TicketKind, digest: &Digest) -> StoreFuture<'_, Option<Ticket>>;

    /// The same, and it is gone. Of several who take it at once, one gets it; where the answer is lost, perhaps nobody.
    fn take_ticket(&self, kind: TicketKind, digest: &Digest) -> StoreFuture<'_, Option<Ticket>>;

    /// Makes a ticket that is still good so for `expires_in_ms` from now on. False where there is none.
    fn renew_ticket(
        &self,
        kind: TicketKind,
        digest: &Digest,
        expires_in_ms: u64,
    ) -> StoreFuture<'_, bool>;

    /// Up to `limit` notices that are due, to this caller alone for the next `hold_ms`; 500 at most. Those that have been due
    /// the longest, in the order of their numbers. One that cannot be read is set aside, and said in the process's own log.
    ///
    /// Each change of a request that was made to be announced leaves one, and no other does: when it is made, by
    /// [`request_approval`](Self::request_approval), and whenever its state changes, whatever changes it.
    fn due_notices(&self, limit: u32, hold_ms: u64) -> StoreFuture<'_, Vec<Notice>>;

    /// The notices of one request that are not over, oldest first, whoever has them.
    fn notices(&self, of: &ApprovalId) -> StoreFuture<'_, Vec<Notice>>;

    /// Says what becomes of a notice that was handed out. One that is over stays over, whatever else is said of it later.
    fn settle_notice(&self, number: i64, end: NoticeEnd) -> StoreFuture<'_, ()>;
}
