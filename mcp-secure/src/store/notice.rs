use crate::approval::{ApprovalId, StateKind};
use crate::clock::Timestamp;
use serde_json::Value;

/// A change of a request that others have not all been told of. It is written in the transaction that made the change.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Its number; of two, the later change has the greater one.
    pub number: i64,
    /// The request.
    pub approval: ApprovalId,
    /// The state that it came to.
    pub state: StateKind,
    /// When it came to it.
    pub at: Timestamp,
    /// How often it has been handed out before.
    pub attempts: u32,
    /// What whoever had it last wrote down; `Null` at first.
    pub progress: Value,
}

/// What becomes of a notice that was handed out.
#[derive(Debug, Clone, PartialEq)]
pub enum NoticeEnd {
    /// Everybody has been told, or nobody tries any longer.
    Over,
    /// It is handed out again.
    Again {
        /// What the next one has to know.
        progress: Value,
        /// In how many milliseconds.
        in_ms: u64,
    },
}
