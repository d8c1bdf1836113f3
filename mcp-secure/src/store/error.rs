use std::path::PathBuf;

/// The store cannot do its work. Callers refuse mutating calls.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store has been closed, or its thread is gone.
    #[error("the store is closed")]
    Closed,
    /// Another process held the store for too long.
    #[error("the store is busy: another process holds it")]
    Busy,
    /// The database cannot be reached, or does not answer in time.
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
    /// The store is not opened as things are set.
    #[error("{0}")]
    Setting(String),
    /// No room is left on the disk.
    #[error("the store cannot write: the disk is full")]
    Full,
    /// The file or its folder cannot be written.
    #[error("the store cannot write: it is read-only")]
    ReadOnly,
    /// The disk reports faults.
    #[error("the store cannot read or write its file: {0}")]
    Io(String),
    /// The file is damaged, or no store of ours. Never repaired silently: restore a backup.
    #[error("the store's file is damaged or of another kind: {0}")]
    Corrupt(String),
    /// The file was written by a newer release.
    #[error("the store has version {found}, and this program knows {known}; use a newer release")]
    Version {
        /// The file's version.
        found: i64,
        /// The latest this program knows.
        known: i64,
    },
    /// The file cannot be opened.
    #[error("cannot open the store `{}`: {why}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        why: String,
    },
    /// Another process was faster, in a way the operation has no answer for.
    #[error("another process changed the same row")]
    Raced,
    /// The database refused for another reason, which is a defect here.
    #[error("the store failed: {0}")]
    Internal(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(e: rusqlite::Error) -> Self {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error,
        };
        use rusqlite::ErrorCode as Code;
        // What was written is of these types. The error's own words quote what is there now.
        if let FromSqlConversionFailure(..)
        | IntegralValueOutOfRange(..)
        | InvalidColumnType(..)
        | Utf8Error(..) = e
        {
            return Self::Corrupt("a column is of another type".to_owned());
        }
        let Some(code) = e.sqlite_error_code() else { return Self::Internal(e.to_string()) };
        match code {
            Code::DatabaseBusy | Code::DatabaseLocked => Self::Busy,
            Code::DiskFull => Self::Full,
            Code::ReadOnly | Code::PermissionDenied => Self::ReadOnly,
            Code::SystemIoFailure | Code::CannotOpen => Self::Io(e.to_string()),
            Code::DatabaseCorrupt | Code::NotADatabase => Self::Corrupt(e.to_string()),
            _ => Self::Internal(e.to_string()),
        }
    }
}
