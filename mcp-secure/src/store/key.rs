use crate::approval::Party;
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::RunId;
use serde_json::Value;

/// The idempotency key a run is about to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewKey {
    /// The digest of everything the key is scoped to, the tenant and the tool among it.
    pub key: Digest,
    /// The digest of the arguments: under one key, other arguments are another call.
    pub arguments: Digest,
    /// How long the answer repeats once the run has ended, in milliseconds.
    pub window_ms: u64,
    /// The tool is declared `idempotent`: a run in doubt under this key may be run again, by the same account with the
    /// same arguments.
    pub rerun: bool,
}

/// Who holds an idempotency key.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRecord {
    /// The digest of the arguments it was first used with.
    pub arguments: Digest,
    /// Who used it first. The answer is for nobody else.
    pub caller: Party,
    /// The run.
    pub run: RunId,
    /// How far that run is.
    pub state: KeyState,
}

/// How far the run under a key is.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyState {
    /// It runs. Ask again, at the latest when the lease is over.
    Running {
        /// When the lease lapses.
        lease_until: Timestamp,
    },
    /// Nobody knows how it ended. Holds the key past every window, until a person resolves it.
    InDoubt,
    /// It ran.
    Ended {
        /// What to answer. `None` where a person had to say that it ran.
        answer: Option<Value>,
    },
}
