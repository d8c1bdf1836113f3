//! Why a record was not taken.

use std::path::{Path, PathBuf};

/// Why the audit could not be opened, or did not take a record.
///
/// A mutating call that gets one of these before its body runs is refused; one that gets it afterwards is reported as
/// executed but unrecorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The folder or a file in it cannot be created, read or written.
    #[error("the audit folder `{path}` cannot be used: {why}", path = path.display())]
    Folder {
        /// What was being used.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The key for redaction cannot be used.
    #[error("the audit key `{path}` cannot be used: {why}", path = path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong, with the remedy where there is one.
        why: String,
    },
    /// The record did not reach the disk.
    #[error("the audit record was not written: {why}")]
    Write {
        /// The system's words.
        why: String,
    },
    /// The disk did not confirm in time. The record may still arrive; it counts as not written.
    #[error("the audit record was not confirmed within {millis} ms")]
    TimedOut {
        /// How long was waited.
        millis: u64,
    },
    /// An earlier write failed and none has succeeded since.
    #[error("the audit is unavailable until a write succeeds again")]
    Unavailable,
    /// The queue is full: records come faster than the disk takes them.
    #[error("the audit queue is full")]
    Full,
    /// The audit was closed, or its writer has ended.
    #[error("the audit is closed")]
    Closed,
}

impl AuditError {
    pub(super) fn folder(path: &Path, error: &std::io::Error) -> Self {
        Self::Folder { path: path.to_owned(), why: error.to_string() }
    }

    pub(super) fn key(path: &Path, why: impl Into<String>) -> Self {
        Self::Key { path: path.to_owned(), why: why.into() }
    }
}
