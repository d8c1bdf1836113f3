//! What an onlooker holds every step against. It judges by what was answered and by its own list of people, and asks none
//! of the functions under test.

use super::action::{Action, Answer};
use super::people::{Account, CLIENTS};
use super::transact::Model;
use super::world::{Ending, LEASE, Replica, Slot, World};
use crate::approval::{ANSWER_REPEATS_MS, State, StateKind, Verdict};
use crate::store::{Finished, Resolution, RunState};

/// What is promised of every world that can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Promise {
    /// One approval lets one body in, and its effect happens once.
    RunsOnce,
    /// No run without the quorum of different persons who may decide.
    Quorum,
    /// Nothing is decided or runs that was denied, withdrawn, called off or has run out.
    Closed,
    /// An approval fits the very call that was approved.
    Bound,
    /// A vote counts if it is of a person who may decide, and each person's counts once.
    Votes,
    /// The requester alone takes a request back.
    Own,
    /// A state that is over is never left.
    Terminal,
    /// One request at most stands for an effect.
    Standing,
    /// What was answered is not asked again for a day.
    Answered,
    /// A run ends as done, failed or in doubt, also where nobody is left who runs it.
    Ends,
    /// A run is put in doubt when its lease is over and not before.
    Lease,
    /// What is said of a run is what it said itself, and that it is in doubt where it could not.
    Honest,
    /// Once everything is called off, nothing can run that did not run before.
    CalledOff,
    /// A doubt is ended by a person, not the requester, or by who committed the run and never let its body in; by nothing
    /// else.
    Doubt,
    /// What a person found not done never comes back.
    NotRevived,
    /// A request and its run say the same.
    Agree,
    /// The store fails at nothing.
    NoError,
}

impl Promise {
    pub(super) const ALL: [Self; 17] = [
        Self::RunsOnce,
        Self::Quorum,
        Self::Closed,
        Self::Bound,
        Self::Votes,
        Self::Own,
        Self::Terminal,
        Self::Standing,
        Self::Answered,
        Self::Ends,
        Self::Lease,
        Self::Honest,
        Self::CalledOff,
        Self::Doubt,
        Self::NotRevived,
        Self::Agree,
        Self::NoError,
    ];
}

/// The first promise that this step breaks. A world that it leaves as it was has been looked at when it was reached.
pub(super) fn broken(
    model: &Model,
    before: &World,
    action: Action,
    answer: &Answer,
    changed: Option<&World>,
) -> Option<Promise> {
    let after = changed.unwrap_or(before);
    if *answer == Answer::Error {
        return Some(Promise::NoError);
    }
    let step = match (action, answer) {
        (Action::Commit { replica }, Answer::Running { .. }) => {
            let slot = before.replicas[replica].about().unwrap();
            may_run(model, &before.slots[slot], before)
        }
        (Action::Rush { slot, .. }, Answer::Running { .. }) => {
            may_run(model, &before.slots[slot], before)
        }
        (Action::Finish { replica, ending }, Answer::Finished(Finished::Recorded)) => {
            let slot = before.replicas[replica].about().unwrap();
            let says = match ending {
                Ending::Done => StateKind::Done,
                Ending::Failed | Ending::NoEffect | Ending::NeverBegan => StateKind::Failed,
                Ending::Unknown => StateKind::InDoubt,
            };
            (after.slots[slot].state.kind() != says).then_some(Promise::Honest)
        }
        (Action::VoidAll, _) => after
            .slots
            .iter()
            .any(|slot| matches!(slot.kind(after.now), StateKind::Pending | StateKind::Approved))
            .then_some(Promise::CalledOff),
        (Action::CommitAgain { .. }, Answer::Running { .. }) => Some(Promise::RunsOnce),
        (Action::Forge { .. }, Answer::Running { .. }) => Some(Promise::Bound),
        (Action::Vote { slot, account, verdict }, Answer::Counted) => {
            counts(model, &before.slots[slot], before, account, verdict)
        }
        (Action::StaleVote { .. }, Answer::Counted) => Some(Promise::Bound),
        (Action::WithdrawOthers { .. }, Answer::Moved) => Some(Promise::Own),
        (Action::Ask { .. }, Answer::Created(_)) => may_be_asked(before),
        (Action::Sweep, Answer::Swept { lapsed, .. }) => {
            let holds = |slot: &usize| {
                before.slots[*slot].run.as_ref().is_none_or(|run| run.lease_until > before.now)
            };
            let said = |slot: &usize| after.slots[*slot].state.kind() == StateKind::InDoubt;
            let honest = lapsed.iter().all(said);
            let broken = lapsed.iter().any(holds).then_some(Promise::Lease);
            broken.or((!honest).then_some(Promise::Honest))
        }
        _ => None,
    };
    let moves = || {
        (0..before.slots.len()).find_map(|slot| {
            moved(model, action, slot, (&before.slots[slot], before), (&after.slots[slot], after))
        })
    };
    step.or_else(|| changed.and_then(|_| moves().or_else(|| stands(model, after))))
}

/// Whether a body may be let in on this request.
fn may_run(model: &Model, slot: &Slot, world: &World) -> Option<Promise> {
    let seen = &slot.seen;
    if seen.not_done {
        return Some(Promise::NotRevived);
    }
    if seen.starts > 0 {
        return Some(Promise::RunsOnce);
    }
    if seen.denied || seen.withdrawn || seen.voided || slot.expires <= world.now {
        return Some(Promise::Closed);
    }
    (seen.approved_by.len() < model.quorum as usize || seen.approved_by.contains(&"nobody"))
        .then_some(Promise::Quorum)
}

/// Whether a vote may count.
fn counts(
    model: &Model,
    slot: &Slot,
    world: &World,
    account: Account,
    verdict: Verdict,
) -> Option<Promise> {
    if slot.seen.denied || slot.kind(world.now) != StateKind::Pending {
        return Some(Promise::Closed);
    }
    let Some(person) = account.speaks(slot.client, model.requester_may) else {
        return Some(Promise::Votes);
    };
    let again = verdict == Verdict::Approve && slot.seen.approved_by.contains(&person);
    again.then_some(Promise::Votes)
}

/// Whether people may be asked anew.
fn may_be_asked(world: &World) -> Option<Promise> {
    let stands = |slot: &Slot| {
        matches!(
            slot.kind(world.now),
            StateKind::Pending | StateKind::Approved | StateKind::Running | StateKind::InDoubt
        )
    };
    let answers = |slot: &Slot| {
        matches!(slot.kind(world.now), StateKind::Done | StateKind::Denied)
            && world.now.millis() - slot.state_at.millis() < ANSWER_REPEATS_MS
    };
    if world.slots.iter().any(stands) {
        return Some(Promise::Standing);
    }
    world.slots.iter().any(answers).then_some(Promise::Answered)
}

/// Whether one request may have gone from this to that.
fn moved(
    model: &Model,
    action: Action,
    number: usize,
    (old, before): (&Slot, &World),
    (new, after): (&Slot, &World),
) -> Option<Promise> {
    let (from, to) = (old.kind(before.now), new.kind(after.now));
    let over = !matches!(
        from,
        StateKind::Pending | StateKind::Approved | StateKind::Running | StateKind::InDoubt
    );
    // What ran out is written down as such at some later time.
    if over && (from != to || from != StateKind::Expired && old.state != new.state) {
        return Some(if old.seen.not_done { Promise::NotRevived } else { Promise::Terminal });
    }
    if new.seen.effects > 1 || new.seen.effects > new.seen.starts {
        return Some(Promise::RunsOnce);
    }
    let enough = new.seen.approved_by.len() >= model.quorum as usize;
    if to == StateKind::Approved && !enough {
        return Some(Promise::Quorum);
    }
    if from == StateKind::InDoubt && old.state != new.state {
        let resolved = match action {
            Action::Resolve { slot, account, found, .. } if slot == number => {
                let person = account.speaks(old.client, false);
                let says = match found {
                    Resolution::Done => StateKind::Done,
                    Resolution::NotDone => StateKind::Failed,
                };
                if found == Resolution::NotDone && to != StateKind::Failed {
                    return Some(Promise::NotRevived);
                }
                person.is_some_and(|person| person != "alice") && to == says
            }
            Action::Finish { replica, ending: Ending::NeverBegan } => {
                let about = &before.replicas[replica];
                *about == Replica::Began(number) && old.seen.effects == 0 && to == StateKind::Failed
            }
            _ => false,
        };
        return (!resolved).then_some(Promise::Doubt);
    }
    None
}

/// What holds of every world as it is.
fn stands(model: &Model, world: &World) -> Option<Promise> {
    let live = |slot: &&Slot| slot.state.kind().is_live();
    if world.slots.iter().filter(live).count() > 1 {
        return Some(Promise::Standing);
    }
    for slot in &world.slots {
        let run = slot.run.as_ref().map(|run| run.state);
        let agree = match &slot.state {
            State::Running { .. } => run == Some(RunState::Running),
            State::InDoubt { .. } => run == Some(RunState::InDoubt),
            State::Done { .. } => matches!(run, None | Some(RunState::Done)),
            State::Failed { .. } => {
                matches!(run, None | Some(RunState::Failed | RunState::NoEffect))
            }
            _ => run.is_none(),
        };
        let same_run = match (&slot.state, &slot.run) {
            (State::Running { run, .. } | State::InDoubt { run, .. }, Some(row)) => *run == row.id,
            _ => true,
        };
        if !agree || !same_run {
            return Some(Promise::Agree);
        }
    }
    ends(model, world)
}

/// Whether every run ends if all processes die now and one sweeps when the leases are over.
fn ends(model: &Model, world: &World) -> Option<Promise> {
    let runs = |world: &World| {
        let is_running = |run: &super::world::Run| run.state == RunState::Running;
        world.slots.iter().any(|slot| {
            slot.state.kind() == StateKind::Running || slot.run.as_ref().is_some_and(is_running)
        })
    };
    if !runs(world) {
        return None;
    }
    let later = World { now: world.now.plus_millis(LEASE), ..world.clone() };
    let swept = model.apply(&later, Action::Sweep).1;
    runs(swept.as_ref().unwrap_or(&later)).then_some(Promise::Ends)
}

const _: () = assert!(CLIENTS.len() == 2, "a call through another client has one to choose");
