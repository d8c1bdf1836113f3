//! Runs: begun under an approval, held by a lease, and how they end.

use std::borrow::Cow;

use super::super::action::{Answer, Forgery};
use super::super::people::Account;
use super::super::world::{Ending, LEASE, Replica, Run, Slot, World};
use super::{Model, result_of};
use crate::approval::{ApprovalId, Event, State, TransitionRefused};
use crate::store::judge::Ended;
use crate::store::{CommitRefused, Finished, NewRun, Renewed, RunId, RunState};

impl Model {
    pub(super) fn commit(
        &self,
        world: &mut Cow<'_, World>,
        replica: usize,
        slot: usize,
        looks: bool,
    ) -> Answer {
        let new = self.new_run(&world.slots[slot], self.asked[0].id, self.next_run(world));
        let answer = self.consume(world, slot, &new, looks);
        if matches!(answer, Answer::Running { .. }) {
            world.to_mut().replicas[replica] = Replica::Began(slot);
        }
        answer
    }

    pub(super) fn commit_again(&self, world: &mut Cow<'_, World>, replica: usize) -> Answer {
        let slot = world.replicas[replica].about().unwrap();
        if world.slots[slot].run.is_some() {
            return Answer::NotRunning(CommitRefused::AlreadyRunning);
        }
        // Its row is dropped, and its approval is as used up as before.
        let new = self.new_run(&world.slots[slot], self.asked[0].id, self.next_run(world));
        self.consume(world, slot, &new, true)
    }

    pub(super) fn forge(
        &self,
        world: &mut Cow<'_, World>,
        slot: usize,
        forgery: Forgery,
    ) -> Answer {
        let (id, run) = (self.asked[0].id, self.next_run(world));
        let new = self.forged(&world.slots[slot], id, run, forgery);
        self.consume(world, slot, &new, true)
    }

    pub(in super::super) fn forged(
        &self,
        slot: &Slot,
        id: ApprovalId,
        run_id: RunId,
        forgery: Forgery,
    ) -> NewRun {
        let new = self.new_run(slot, id, run_id);
        let other = self.other;
        let elsewhere = self.asked[1 - slot.client].requester.clone();
        match forgery {
            Forgery::OtherClient => NewRun { caller: elsewhere, ..new },
            Forgery::OtherAccount => NewRun { caller: Account::Bob.party(), ..new },
            Forgery::OtherEffect => NewRun { effect: other, ..new },
            Forgery::OtherTool => NewRun { tool: "close_account".to_owned(), ..new },
            Forgery::OtherDigest => NewRun { approval: Some((id, other)), ..new },
        }
    }

    fn consume(
        &self,
        world: &mut Cow<'_, World>,
        slot: usize,
        new: &NewRun,
        looks: bool,
    ) -> Answer {
        let now = world.now;
        let digest = new.approval.map(|(_, digest)| digest).unwrap();
        let seen = self.approval(&world.slots[slot]);
        if let Err(why) = (self.rules.fits)(&seen, &digest, new) {
            return Answer::NotRunning(why);
        }
        let moved = self.step(world, slot, Event::Start { run: new.run_id });
        match moved {
            Ok(()) => {}
            Err(_) if !looks => {
                let state = State::Running { run: new.run_id, at: now };
                world.to_mut().slots[slot].state = state;
            }
            Err(TransitionRefused::From(kind)) => {
                return Answer::NotRunning(CommitRefused::ApprovalNotApproved(kind));
            }
            Err(_) => return Answer::NotRunning(CommitRefused::ApprovalExpired),
        }
        let lease_until = now.plus_millis(LEASE);
        let world = world.to_mut();
        world.tried += 1;
        let slot = &mut world.slots[slot];
        slot.seen.starts += 1;
        slot.run = Some(Run {
            id: new.run_id,
            state: RunState::Running,
            started: now,
            lease_until,
            finished: None,
            keep_until: None,
            late: None,
        });
        Answer::Running { lease_until }
    }

    pub(super) fn renew(&self, world: &mut Cow<'_, World>, replica: usize) -> Answer {
        let slot = world.replicas[replica].about().unwrap();
        let until = world.now.plus_millis(LEASE);
        let found = world.slots[slot].run.as_ref().map(|run| (run.state, run.lease_until));
        let held = match found {
            Some((RunState::Running, held)) => held,
            Some((RunState::InDoubt, held)) if !self.rules.lost_is_lost => {
                let world = world.to_mut();
                let run = world.slots[slot].run.as_mut().unwrap();
                run.state = RunState::Running;
                let (run, at) = (run.id, world.now);
                world.slots[slot].state = State::Running { run, at };
                held
            }
            _ => return Answer::Renewed(Renewed::Lost),
        };
        if held < until {
            world.to_mut().slots[slot].run.as_mut().unwrap().lease_until = until;
        }
        Answer::Renewed(Renewed::Until(until))
    }

    pub(super) fn finish(
        &self,
        world: &mut Cow<'_, World>,
        replica: usize,
        ending: Ending,
    ) -> Answer {
        let slot = world.replicas[replica].about().unwrap();
        world.to_mut().replicas[replica] = Replica::Idle;
        let Some(run) = world.slots[slot].run.clone() else {
            return Answer::Finished(Finished::Refused);
        };
        let end = (self.rules.ended)(run.id, result_of(ending));
        let doubted = run.state == RunState::InDoubt;
        Answer::Finished(match run.state {
            _ if run.state == RunState::Running || (doubted && end.ends_doubt()) => {
                self.write_end(world, slot, &end);
                self.approval_ended(world, slot, &end);
                Finished::Recorded
            }
            RunState::InDoubt if run.late.is_none() => {
                world.to_mut().slots[slot].run.as_mut().unwrap().late = Some(ending);
                // Where a late outcome is let through, it goes this way.
                self.late(world, slot, &end);
                Finished::Late
            }
            _ => Finished::Refused,
        })
    }

    /// The stores ask nobody about a late outcome. It is kept, and the approval hears of it only from a mutant.
    fn late(&self, world: &mut Cow<'_, World>, slot: usize, end: &Ended) {
        if !self.rules.late_is_kept {
            self.write_end(world, slot, end);
            self.approval_ended(world, slot, end);
        }
    }

    pub(super) fn write_end(&self, world: &mut Cow<'_, World>, slot: usize, end: &Ended) {
        let now = world.now;
        let keep_until = end.settled(None, now).unwrap().keep_until;
        let run = world.to_mut().slots[slot].run.as_mut().unwrap();
        (run.state, run.finished, run.keep_until) = (end.state, Some(now), keep_until);
    }

    /// The approval follows its run.
    pub(super) fn approval_ended(&self, world: &mut Cow<'_, World>, slot: usize, end: &Ended) {
        if self.step(world, slot, end.event.clone()).is_ok()
            && let Some(answer) = end.approved_answer().unwrap()
        {
            world.to_mut().slots[slot].answer = Some(answer);
        }
    }
}

pub(super) fn act(world: &mut World, replica: usize) -> Answer {
    let slot = world.replicas[replica].about().unwrap();
    world.slots[slot].seen.effects += 1;
    world.replicas[replica] = Replica::Acted(slot);
    Answer::Nothing
}
