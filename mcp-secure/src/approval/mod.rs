//! A person decides, outside the model's context: states, binding, votes.
//!
//! Everything here is pure. What happens when two processes race is the [store](crate::store)'s part: it loads an
//! [`Approval`], asks this module what the next [`State`] is, and writes it by compare-and-set.

mod decide;
mod effect;
mod id;
mod record;
mod state;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use decide::Outcome;
pub use decide::VoteRefused;
pub(crate) use decide::{count, may_resolve, may_resolve_rollback};
pub use effect::Effect;
pub(crate) use id::random_id;
pub use id::{ApprovalId, NotAnId};
pub use record::{Approval, CastVote, NewApproval, Party, Verdict, Vote, masked};
pub use state::{Event, State, StateKind, TransitionRefused};

/// How long the answer of a done or denied request is given again to the same call: 24 hours, in milliseconds.
pub const ANSWER_REPEATS_MS: i64 = 24 * 60 * 60 * 1000;
