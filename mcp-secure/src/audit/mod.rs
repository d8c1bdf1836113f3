//! The record: append-only, hash-chained, durable before a mutating body runs.
//!
//! Every event of a call becomes a [`Record`]. [`Audit`] hands records to one writer thread, which seals each into the
//! chain of this process and commits them in groups: one write and one sync for all that are waiting. A call waits for
//! the disk with [`Audit::durable`], or only for the queue with [`Audit::queued`].
//!
//! A data folder is shared by several processes; each writes a file of its own (`<time>-<writer>.jsonl`), so nobody
//! waits for a lock. One line is one record in canonical JSON (RFC 8785) with its hash appended:
//!
//! ```text
//! hash = SHA-256(hash of the record before || the line without its hash)
//! ```
//!
//! The first record of a file is chained to the writer's id. [`verify`] checks all of it offline and names the first
//! bad record; [`query`] and [`tail`] read across the files in time order.
//!
//! What the chain cannot show by itself: a rewriter who recomputes every later hash, or the removal of a whole end of
//! a file, or of a whole file. That takes checkpoints that are signed and kept elsewhere.

mod chain;
mod direct;
mod error;
mod file;
mod key;
mod line;
mod log;
mod notes;
mod options;
mod query;
mod queue;
mod record;
mod scan;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub use error::AuditError;
pub use key::AuditKey;
pub use line::Entry;
pub use log::{Audit, Reservation};
pub use notes::{ApprovalNote, Executed, OutcomeNote, PolicyNote, Ruling, Who};
pub use options::{Durability, Options, Receipt};
pub use query::{Filter, Records, query, tail};
pub use record::{Event, Record};
pub use verify::{Problem, TornTail, VerifyReport, WriterReport, verify};
