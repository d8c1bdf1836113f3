use crate::approval::{ApprovalId, Party, StateKind, random_id};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::{NewKey, NewRollback, RollbackRefused};
use serde_json::Value;

random_id! {
    ordered
    /// Names one run of a tool's body: `run_` and 32 hexadecimal digits.
    RunId, "run_"
}

/// Proof of holding a run's lease. Every later commit has a larger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub(crate) i64);

impl Fence {
    /// The number, to hand to a system that checks fencing itself.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

/// A call that is about to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// A fresh id.
    pub run_id: RunId,
    /// The id the caller was told, for records.
    pub request_id: String,
    /// The tool's name.
    pub tool: String,
    /// The digest of the [`Effect`](crate::approval::Effect) as it is now.
    pub effect: Digest,
    /// Who calls.
    pub caller: Party,
    /// Whether the body may change anything.
    pub mutating: bool,
    /// The approval this run consumes, with the digest it was found under.
    pub approval: Option<(ApprovalId, Digest)>,
    /// The idempotency key this run takes.
    pub idempotency: Option<NewKey>,
    /// The run of the same tenant that this one rolls back.
    pub compensates: Option<RunId>,
    /// How long the run may go without a [`renew`](super::Store::renew), in milliseconds.
    pub lease_ms: u64,
}

/// The answer to [`Store::commit_run`](super::Store::commit_run).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// The body may run.
    Running {
        /// Shown at every renewal and at the end.
        fence: Fence,
        /// When the lease lapses.
        lease_until: Timestamp,
    },
    /// The body must not run.
    Refused(CommitRefused),
}

/// Why a run is not committed. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommitRefused {
    /// The run id is taken.
    #[error("this run has already begun")]
    AlreadyRunning,
    /// No such approval, or it is another account's: the two are not told apart.
    #[error("no such approval")]
    ApprovalNotFound,
    /// The call's tool, arguments, resource or contract are not the approved ones.
    #[error("the call is not the one that was approved")]
    StaleDigest,
    /// Another client of the same account asked.
    #[error("the approval was asked for by another client")]
    OtherClient,
    /// The approval is not `approved`: not yet decided, used already, or over.
    #[error("the approval is `{0}`")]
    ApprovalNotApproved(StateKind),
    /// The approval was not used in time.
    #[error("the approval has expired; the call has to be made again")]
    ApprovalExpired,
    /// Somebody holds the idempotency key: look it up again.
    #[error("the idempotency key is taken")]
    KeyTaken,
    /// The run that this one would roll back does not allow it.
    #[error(transparent)]
    RollbackRefused(#[from] RollbackRefused),
}

/// The answer to [`Store::renew`](super::Store::renew).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The lease holds until then.
    Until(Timestamp),
    /// The lease is lost: the run is in doubt, over, or somebody else's. Stop as soon as possible.
    Lost,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum RunResult {
    /// The body returned.
    Done {
        /// The digest of what it returned.
        result: Digest,
        /// What to answer when the same approved call is made again within 24 hours, or a call under the same key within
        /// its window.
        answer: Option<Value>,
        /// What it takes to roll the run back.
        rollback: Option<NewRollback>,
    },
    /// The body returned an error, which may have come after an effect.
    Failed {
        /// What went wrong, for people.
        error: String,
        /// What to answer under the same key, and whoever waits for the approval: it ran, and its result broke a promise.
        answer: Option<Value>,
    },
    /// The body returned an error and vouches that nothing happened. The approval stays consumed; the key and the right
    /// to roll back come free.
    NoEffect {
        /// What went wrong, for people.
        error: String,
        /// What to answer whoever waits for the approval that was used up.
        answer: Option<Value>,
    },
    /// The run was committed, and its body was never entered nor ever will be. The approval stays consumed; the rest comes
    /// free, also where the run was put in doubt meanwhile: whoever committed it is the only one who could have begun it.
    NeverBegan {
        /// Why it was given up, for people.
        error: String,
        /// What to answer whoever waits for the approval that was used up.
        answer: Option<Value>,
    },
    /// Nobody can tell: the body panicked, or never came back.
    Unknown {
        /// Why, for people.
        why: String,
    },
}

/// The answer to [`Store::finish_run`](super::Store::finish_run).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// The outcome stands.
    Recorded,
    /// The run was put in doubt before. The late outcome is kept for the person who resolves it.
    Late,
    /// No such run under this fence, or its outcome stands already. Nothing has changed.
    Refused,
}

/// A run whose lease lapsed without an outcome. It is in doubt from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LapsedRun {
    /// The run.
    pub run_id: RunId,
    /// The id the caller was told.
    pub request_id: String,
    /// The tool's name.
    pub tool: String,
    /// The digest of the effect.
    pub effect: Digest,
    /// Who called.
    pub caller: Party,
    /// Whether the body could change anything.
    pub mutating: bool,
    /// The approval it had consumed, in doubt as well.
    pub approval: Option<ApprovalId>,
    /// When it was committed.
    pub started: Timestamp,
    /// When its lease lapsed.
    pub lease_until: Timestamp,
}
