use super::StoreError;
use super::row::{damaged, parse};
use crate::approval::{ApprovalId, StateKind};
use crate::clock::Timestamp;
use serde_json::Value;

/// A change of a request that others have not all been told of. It is written in the transaction that made the change.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Its number; of two changes of one request, the later has the greater one.
    pub number: i64,
    /// The request.
    pub approval: ApprovalId,
    /// The state that it came to.
    pub state: StateKind,
    /// When that was written down.
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

/// When a notice that can not be read is handed out: never, until somebody has repaired it.
pub(super) const NEVER: i64 = i64::MAX;

/// A notice as it is written.
pub(super) struct NoticeRow {
    pub(super) number: i64,
    pub(super) approval: String,
    pub(super) state: String,
    pub(super) at: i64,
    pub(super) attempts: i64,
    pub(super) progress: String,
}

impl NoticeRow {
    /// `None`, and said, where it can not be read. Whoever reads it sets it aside: it would be handed out for ever.
    pub(super) fn readable(&self) -> Option<Notice> {
        let read = self.notice();
        if let Err(why) = &read {
            tracing::error!(
                notice = self.number, approval = %self.approval, %why,
                "a notice can not be read and is set aside: those it is for are not told"
            );
        }
        read.ok()
    }

    fn notice(&self) -> Result<Notice, StoreError> {
        let state = StateKind::from_word(&self.state);
        Ok(Notice {
            number: self.number,
            approval: self.approval.parse().map_err(|_| damaged("a notice names no request"))?,
            state: state.ok_or_else(|| damaged("a notice has no state"))?,
            at: Timestamp::from_millis(self.at),
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            progress: parse(&self.progress)?,
        })
    }
}
