use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::RunId;
use serde::{Deserialize, Serialize};

/// Where an approval request stands.
///
/// ```text
/// pending  -> approved | denied | expired | withdrawn
/// approved -> running | expired | void
/// running  -> done | failed | in_doubt
/// in_doubt -> done | failed                 (a person says what happened)
/// in_doubt -> failed                        (who committed the run says that its body never began)
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum State {
    /// Waits for people.
    Pending,
    /// The quorum approved; the call may run once, until the request expires.
    Approved {
        /// When the last vote was counted.
        at: Timestamp,
    },
    /// Consumed by one run.
    Running {
        /// The run.
        run: RunId,
        /// When it was committed.
        at: Timestamp,
    },
    /// The effect happened.
    Done {
        /// When the outcome was known.
        at: Timestamp,
        /// The digest of the result, unless a person had to say that it happened.
        result: Option<Digest>,
        /// Who said so, where the run itself could not.
        resolved_by: Option<String>,
    },
    /// The run ended in an error, or a person said that the effect never happened. Never runs again.
    Failed {
        /// When the outcome was known.
        at: Timestamp,
        /// What went wrong, for people.
        error: String,
        /// Who said so, where the run itself could not.
        resolved_by: Option<String>,
    },
    /// The run began and nobody knows how it ended. Pins the effect until a person resolves it.
    InDoubt {
        /// The run.
        run: RunId,
        /// When the doubt arose.
        at: Timestamp,
        /// Why the outcome is unknown.
        why: String,
    },
    /// One person said no.
    Denied {
        /// When.
        at: Timestamp,
        /// Who.
        person: String,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// Nobody decided, or nobody used the decision, in time.
    Expired {
        /// The moment the request ran out.
        at: Timestamp,
    },
    /// The requester took it back.
    Withdrawn {
        /// When.
        at: Timestamp,
    },
    /// What people approved is no longer what would run.
    Void {
        /// When.
        at: Timestamp,
        /// What changed.
        why: String,
    },
}

/// Something that happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The vote that fills the quorum.
    Approve,
    /// A vote against.
    Deny {
        /// Who.
        person: String,
        /// Why.
        reason: Option<String>,
    },
    /// Time ran out.
    Expire,
    /// The requester takes it back.
    Withdraw,
    /// Contract, policy or preview changed.
    Void {
        /// What changed.
        why: String,
    },
    /// A run takes the approval.
    Start {
        /// The run.
        run: RunId,
    },
    /// The run ended well.
    Finish {
        /// The run.
        run: RunId,
        /// The digest of its result.
        result: Digest,
    },
    /// The run ended in an error.
    Fail {
        /// The run.
        run: RunId,
        /// What went wrong.
        error: String,
    },
    /// The run was committed, and given up before its body was entered. Whoever committed it alone can know that, and it
    /// ends a doubt as well: there is nothing to find out.
    NeverBegan {
        /// The run.
        run: RunId,
        /// Why it was given up.
        why: String,
    },
    /// The run's outcome cannot be known.
    Doubt {
        /// The run.
        run: RunId,
        /// Why.
        why: String,
    },
    /// A person found that the effect happened.
    ResolveDone {
        /// Who.
        person: String,
    },
    /// A person found that the effect never happened.
    ResolveNotDone {
        /// Who.
        person: String,
    },
}

/// Why a transition is refused. The state stays what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransitionRefused {
    /// The request ran out, whatever it was before.
    #[error("the request has expired")]
    Expired,
    /// The request has time left.
    #[error("the request has not expired yet")]
    NotYet,
    /// The event names a run that does not hold this approval.
    #[error("another run holds the approval")]
    OtherRun,
    /// There is no such way from this state.
    #[error("a request that is `{0}` cannot do this")]
    From(StateKind),
}

impl State {
    /// The state after `event` at `now`, for a request that runs out at `expires`.
    ///
    /// Expiry holds for `pending` and `approved` alike: past it, the only event either accepts is
    /// [`Event::Expire`]. A state without an arm here accepts nothing, which is what makes it terminal.
    pub fn after(
        &self,
        event: Event,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<Self, TransitionRefused> {
        use TransitionRefused as No;
        if matches!(self, Self::Pending | Self::Approved { .. }) {
            match (&event, now >= expires) {
                (Event::Expire, true) => return Ok(Self::Expired { at: expires }),
                (Event::Expire, false) => return Err(No::NotYet),
                (_, true) => return Err(No::Expired),
                (_, false) => {}
            }
        }
        let at = now;
        match (self, event) {
            (Self::Pending, Event::Approve) => Ok(Self::Approved { at }),
            (Self::Pending, Event::Deny { person, reason }) => {
                Ok(Self::Denied { at, person, reason })
            }
            (Self::Pending, Event::Withdraw) => Ok(Self::Withdrawn { at }),
            (Self::Approved { .. }, Event::Start { run }) => Ok(Self::Running { run, at }),
            (Self::Approved { .. }, Event::Void { why }) => Ok(Self::Void { at, why }),
            (
                Self::Running { run: held, .. },
                Event::Finish { run, .. }
                | Event::Fail { run, .. }
                | Event::NeverBegan { run, .. }
                | Event::Doubt { run, .. },
            )
            | (Self::InDoubt { run: held, .. }, Event::NeverBegan { run, .. })
                if *held != run =>
            {
                Err(No::OtherRun)
            }
            (Self::Running { .. }, Event::Finish { result, .. }) => {
                Ok(Self::Done { at, result: Some(result), resolved_by: None })
            }
            (Self::Running { .. }, Event::Fail { error, .. }) => {
                Ok(Self::Failed { at, error, resolved_by: None })
            }
            (Self::Running { .. } | Self::InDoubt { .. }, Event::NeverBegan { why, .. }) => {
                Ok(Self::Failed { at, error: why, resolved_by: None })
            }
            (Self::Running { .. }, Event::Doubt { run, why }) => Ok(Self::InDoubt { run, at, why }),
            (Self::InDoubt { .. }, Event::ResolveDone { person }) => {
                Ok(Self::Done { at, result: None, resolved_by: Some(person) })
            }
            (Self::InDoubt { .. }, Event::ResolveNotDone { person }) => Ok(Self::Failed {
                at,
                error: "a person found that it was not done".to_owned(),
                resolved_by: Some(person),
            }),
            (state, _) => Err(No::From(state.kind())),
        }
    }

    /// The state as it reads at `now`: what ran out is `expired`, whether or not anybody has written that down.
    #[must_use]
    pub fn as_of(self, now: Timestamp, expires: Timestamp) -> Self {
        self.after(Event::Expire, now, expires).unwrap_or(self)
    }

    /// The state's name.
    #[must_use]
    pub const fn kind(&self) -> StateKind {
        match self {
            Self::Pending => StateKind::Pending,
            Self::Approved { .. } => StateKind::Approved,
            Self::Running { .. } => StateKind::Running,
            Self::Done { .. } => StateKind::Done,
            Self::Failed { .. } => StateKind::Failed,
            Self::InDoubt { .. } => StateKind::InDoubt,
            Self::Denied { .. } => StateKind::Denied,
            Self::Expired { .. } => StateKind::Expired,
            Self::Withdrawn { .. } => StateKind::Withdrawn,
            Self::Void { .. } => StateKind::Void,
        }
    }
}

/// The name of a [`State`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is described at `State`")]
pub enum StateKind {
    Pending,
    Approved,
    Running,
    Done,
    Failed,
    InDoubt,
    Denied,
    Expired,
    Withdrawn,
    Void,
}

impl StateKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Approved,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::InDoubt,
        Self::Denied,
        Self::Expired,
        Self::Withdrawn,
        Self::Void,
    ];

    /// The word used in the store, in records and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Void => "void",
        }
    }

    /// Reads the word; any other text is nothing.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Nothing leads out of it.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !self.is_live()
    }

    /// The request still stands for its effect: a second one is not made beside it.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Approved | Self::Running | Self::InDoubt)
    }

    /// The answer is given again to the same call for [`ANSWER_REPEATS_MS`](super::ANSWER_REPEATS_MS).
    #[must_use]
    pub const fn repeats(self) -> bool {
        matches!(self, Self::Done | Self::Denied)
    }
}

impl std::fmt::Display for StateKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
