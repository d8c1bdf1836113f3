use crate::approval::{ApprovalId, Party, VoteRefused};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::RunId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One run of a tool's body, as people see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRecord {
    /// The run.
    pub run_id: RunId,
    /// The id the caller was told.
    pub request_id: String,
    /// The tool's name.
    pub tool: String,
    /// The digest of the [`Effect`](crate::approval::Effect).
    pub effect: Digest,
    /// Who called.
    pub caller: Party,
    /// Whether the body could change anything.
    pub mutating: bool,
    /// The approval it consumed.
    pub approval: Option<ApprovalId>,
    /// How far it is.
    pub state: RunState,
    /// When it was committed.
    pub started: Timestamp,
    /// When its outcome, or the doubt about it, was written down.
    pub finished: Option<Timestamp>,
    /// When its lease lapses, or lapsed.
    pub lease_until: Timestamp,
    /// The right to roll it back, where it offered one.
    pub rollback: Option<RollbackState>,
    /// The run that this one rolls back.
    pub compensates: Option<RunId>,
    /// Whether it told of an outcome after it had been put in doubt.
    pub late: bool,
    /// What went wrong, for people.
    pub error: Option<String>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// The body runs, or was about to.
    Running,
    /// The body returned.
    Done,
    /// The body ended in an error, which may have come after an effect.
    Failed,
    /// Nothing happened.
    NoEffect,
    /// Nobody knows how it ended.
    InDoubt,
}

impl RunState {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Done, Self::Failed, Self::NoEffect, Self::InDoubt];

    /// The word used in the store, in records and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::NoEffect => "no_effect",
            Self::InDoubt => "in_doubt",
        }
    }
}

impl std::fmt::Display for RunState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run is `running`, `done`, `failed`, `no_effect` or `in_doubt`")]
pub struct NotARunState;

impl std::str::FromStr for RunState {
    type Err = NotARunState;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == word).ok_or(NotARunState)
    }
}

/// What a run gives to whoever may have to take it back.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRollback {
    /// What the compensating function will be given.
    pub output: Value,
    /// How long the run can be rolled back, in milliseconds.
    pub within_ms: u64,
}

/// The right to roll a run back. It is used up once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RollbackState {
    /// What the compensating function is given.
    pub output: Value,
    /// Until when, exclusive.
    pub until: Timestamp,
    /// The compensating run that holds the right, or has used it up.
    pub taken_by: Option<RunId>,
}

/// Why a run cannot be rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RollbackRefused {
    /// No such run, or it is another tenant's: the two are not told apart.
    #[error("no such run")]
    NotFound,
    /// The run is not `done`.
    #[error("the run is not `done`, so there is nothing certain to roll back")]
    NotDone,
    /// The tool declares no rollback.
    #[error("the run offers no rollback")]
    NotOffered,
    /// Too late.
    #[error("the time to roll this run back is over")]
    Expired,
    /// Another compensating run holds the right, has used it up, or is in doubt.
    #[error("the run is being rolled back, or has been")]
    Taken,
}

/// Which runs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// Only those that are so far.
    pub state: Option<RunState>,
    /// Only this tool's.
    pub tool: Option<String>,
    /// Only those that come after this one in the list, by its [`started`](RunRecord::started) and its id: the last one of
    /// the page before. Where its row has been dropped meanwhile, the list goes on with what was begun by then, so that of
    /// what began in the same millisecond something may come twice, and nothing is missed.
    pub after: Option<(Timestamp, RunId)>,
}

/// A line of a list of runs.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every line is the large one")]
pub enum ListedRun {
    /// A run.
    Run(RunRecord),
    /// A row that can not be read. Somebody has to look at the store; the other runs are listed all the same.
    Unreadable(UnreadableRun),
}

/// What is known of a run whose row can not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRun {
    /// The run.
    pub run_id: RunId,
    /// The tool's name, by which the list is narrowed.
    pub tool: String,
    /// How far it is, by which the list is narrowed.
    pub state: RunState,
    /// When it was committed.
    pub started: Timestamp,
}

impl ListedRun {
    /// Its place in the list, as [`RunFilter::after`] takes it.
    #[must_use]
    pub const fn at(&self) -> (Timestamp, RunId) {
        match self {
            Self::Run(run) => (run.started, run.run_id),
            Self::Unreadable(run) => (run.started, run.run_id),
        }
    }

    /// The run, where it can be read.
    #[must_use]
    pub fn readable(self) -> Option<RunRecord> {
        match self {
            Self::Run(run) => Some(run),
            Self::Unreadable(_) => None,
        }
    }
}

/// The answer to [`Store::resolve_run`](super::Store::resolve_run).
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one a decision, and easier to match without a box")]
pub enum Resolved {
    /// The doubt is over.
    To(RunRecord),
    /// No such run, or it is another tenant's: the two are not told apart.
    NotFound,
    /// Nobody doubts it.
    NotInDoubt(RunState),
    /// This party may not say.
    NotAllowed(VoteRefused),
}
