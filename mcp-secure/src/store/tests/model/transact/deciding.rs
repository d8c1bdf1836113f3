//! What people say: votes, withdrawals, calling off, the end of a doubt.

use std::borrow::Cow;

use super::super::action::Answer;
use super::super::people::Account;
use super::super::world::{Cast, World};
use super::{Model, result_of};
use crate::approval::{Event, Party, Verdict, VoteRefused};
use crate::canon::Digest;
use crate::store::judge::Ended;
use crate::store::row::{Late, parse};
use crate::store::{Resolution, RunState};

impl Model {
    pub(super) fn decide(
        &self,
        world: &mut Cow<'_, World>,
        slot: usize,
        account: Account,
        verdict: Verdict,
        shown: Digest,
    ) -> Answer {
        let now = world.now;
        let seen = self.approval(&world.slots[slot]);
        let vote = self.vote(account, verdict);
        let outcome = match (self.rules.count)(&seen, &shown, vote, now) {
            Ok(outcome) => outcome,
            Err(why) => return Answer::VoteRefused(why),
        };
        if self.rules.indexes && seen.votes.iter().any(|cast| cast.person == outcome.vote.person) {
            return Answer::Error;
        }
        let client = world.slots[slot].client;
        let slot = &mut world.to_mut().slots[slot];
        slot.votes.push(Cast { account, verdict, at: now });
        match verdict {
            Verdict::Deny => slot.seen.denied = true,
            Verdict::Approve => {
                let person = account.speaks(client, self.requester_may).unwrap_or("nobody");
                if !slot.seen.approved_by.contains(&person) {
                    slot.seen.approved_by.push(person);
                }
            }
        }
        if let Some(next) = outcome.next {
            (slot.state, slot.state_at) = (next, now);
        }
        Answer::Counted
    }

    pub(super) fn withdraw(&self, world: &mut Cow<'_, World>, slot: usize, by: &Party) -> Answer {
        let r = &self.asked[world.slots[slot].client].requester;
        let own = r.tenant == by.tenant && r.issuer == by.issuer && r.subject == by.subject;
        if !own && self.rules.own_alone {
            return Answer::NotFound;
        }
        self.moved(world, slot, Event::Withdraw)
    }

    pub(super) fn void(&self, world: &mut Cow<'_, World>, slot: usize) -> Answer {
        self.moved(world, slot, Event::Void { why: "policy changed".to_owned() })
    }

    /// Moves a request, and takes down what was said of it.
    fn moved(&self, world: &mut Cow<'_, World>, slot: usize, event: Event) -> Answer {
        let (withdraws, voids) =
            (matches!(event, Event::Withdraw), matches!(event, Event::Void { .. }));
        match self.step(world, slot, event) {
            Err(why) => Answer::NotMoved(why),
            Ok(()) => {
                let seen = &mut world.to_mut().slots[slot].seen;
                seen.withdrawn |= withdraws;
                seen.voided |= voids;
                Answer::Moved
            }
        }
    }

    pub(super) fn void_all(&self, world: &mut Cow<'_, World>) -> Answer {
        let all = (0..world.slots.len()).filter(|slot| {
            let event = (self.rules.voiding)(&self.approval(&world.slots[*slot]), "called off");
            self.moved(world, *slot, event) == Answer::Moved
        });
        Answer::AllMoved(all.collect())
    }

    pub(super) fn resolve(
        &self,
        world: &mut Cow<'_, World>,
        slot: usize,
        by: &Party,
        found: Resolution,
        by_run: bool,
    ) -> Answer {
        let run = world.slots[slot].run.clone();
        if by_run && run.is_none() {
            return Answer::NotFound;
        }
        let asked = &self.asked[world.slots[slot].client].requester;
        let person = match (self.rules.may_resolve)(asked, by) {
            Ok(person) => person.to_owned(),
            Err(VoteRefused::NotFound) => return Answer::NotFound,
            Err(why) => return Answer::NotAllowed(why),
        };
        let doubted = run.as_ref().is_some_and(|run| run.state == RunState::InDoubt);
        if let Some(run) = run.as_ref().filter(|_| by_run && !doubted) {
            return Answer::NotInDoubt(run.state);
        }
        if !doubted {
            return self.moved(world, slot, Event::ResolveDone { person });
        }
        let late = run.and_then(|run| run.late.map(|ending| (run.id, ending)));
        let late = late.map_or_else(Late::default, |(run, ending)| {
            parse(&Ended::of(run, result_of(ending)).late().unwrap()).unwrap()
        });
        let end = Ended::resolved(found, person, late);
        if self.step(world, slot, end.event.clone()).is_ok() {
            if found == Resolution::NotDone {
                world.to_mut().slots[slot].seen.not_done = true;
            }
            if let Some(answer) = end.approved_answer().unwrap() {
                world.to_mut().slots[slot].answer = Some(answer);
            }
        }
        self.write_end(world, slot, &end);
        Answer::Moved
    }
}
