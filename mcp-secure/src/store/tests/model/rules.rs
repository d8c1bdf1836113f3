//! The rules that the model runs on. They are the very functions that the stores call; a mutant has one of them broken.

use crate::approval::{
    Approval, Event, Outcome, Party, State, TransitionRefused, Vote, VoteRefused, count,
    may_resolve,
};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::judge::{Ended, fits, voiding};
use crate::store::{CommitRefused, NewRun, RunId, RunResult};

type After = fn(&State, Event, Timestamp, Timestamp) -> Result<State, TransitionRefused>;
type Count = fn(&Approval, &Digest, &Vote, Timestamp) -> Result<Outcome, VoteRefused>;
type MayResolve = for<'a> fn(&Party, &'a Party) -> Result<&'a str, VoteRefused>;

/// What decides. The flags stand for what the stores say in SQL; that they say the same is what the refinement shows.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) after: After,
    pub(super) count: Count,
    pub(super) may_resolve: MayResolve,
    pub(super) fits: fn(&Approval, &Digest, &NewRun) -> Result<(), CommitRefused>,
    pub(super) ended: fn(RunId, RunResult) -> Ended,
    pub(super) voiding: fn(&Approval, &str) -> Event,
    /// One index lets one request stand for an effect, another each person vote once.
    pub(super) indexes: bool,
    /// What stands is looked for before people are asked.
    pub(super) looks_for_what_stands: bool,
    /// A doubt stands.
    pub(super) doubt_stands: bool,
    /// The answer of what is done or denied repeats for a day.
    pub(super) answers_repeat: bool,
    /// A commit looks at the approval in its own transaction, not at what was found before.
    pub(super) looks_again: bool,
    /// Only the requester withdraws.
    pub(super) own_alone: bool,
    /// A lease that lapsed in doubt is not held again.
    pub(super) lost_is_lost: bool,
    /// What a run tells of itself when it is in doubt is kept for a person.
    pub(super) late_is_kept: bool,
    /// Whatever ran out is swept, and not only what waits or is approved.
    pub(super) sweeps_everything: bool,
    /// A sweep leaves leases alone that hold.
    pub(super) leases_hold: bool,
    /// A sweep puts runs in doubt whose lease is over.
    pub(super) leases_lapse: bool,
    /// No more requests of an account wait than may.
    pub(super) cap_holds: bool,
    /// All its clients' count together.
    pub(super) cap_is_of_the_account: bool,
    /// What ran out takes no place, written down or not.
    pub(super) cap_is_of_what_waits: bool,
}

impl Rules {
    pub(super) const REAL: Self = Self {
        after: State::after,
        count,
        may_resolve,
        fits,
        ended: Ended::of,
        voiding,
        indexes: true,
        looks_for_what_stands: true,
        doubt_stands: true,
        answers_repeat: true,
        looks_again: true,
        own_alone: true,
        lost_is_lost: true,
        late_is_kept: true,
        sweeps_everything: false,
        leases_hold: true,
        leases_lapse: true,
        cap_holds: true,
        cap_is_of_the_account: true,
        cap_is_of_what_waits: true,
    };
}
