//! What an audit promises and its limits.

use crate::canon::Digest;
use std::sync::Arc;
use std::time::Duration;

/// Where a record stands: it is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The chain.
    pub writer: Arc<str>,
    /// The place in it.
    pub seq: u64,
    /// The hash of the record.
    pub hash: Digest,
}

/// What an acknowledged record has survived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(
    clippy::manual_non_exhaustive,
    reason = "the hidden variant is meant for use; no `expect`, since the lint is silent where it is used"
)]
pub enum Durability {
    /// A sync: it survives the loss of power.
    #[default]
    Strict,
    /// A write: it survives the process, not the machine. For benches and tests; the first record of the file says so.
    #[doc(hidden)]
    Relaxed,
}

impl Durability {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Relaxed => "relaxed",
        }
    }
}

/// Limits of an [`Audit`](super::Audit).
#[derive(Debug, Clone)]
pub struct Options {
    /// What an acknowledged record has survived.
    pub durability: Durability,
    /// How many records may wait for the disk, room promised to outcomes included.
    pub capacity: usize,
    /// How long the disk may take; longer counts as failed.
    pub confirm_within: Duration,
    /// The pause before a failed write is tried again.
    pub retry_after: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Strict,
            capacity: 8192,
            confirm_within: Duration::from_secs(10),
            retry_after: Duration::from_millis(250),
        }
    }
}
