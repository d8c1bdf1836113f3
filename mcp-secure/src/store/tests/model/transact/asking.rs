//! A call asks people, or finds what stands for it.

use std::borrow::Cow;

use super::super::action::Answer;
use super::super::world::{EXPIRES, Elsewhere, Replica, Seen, Slot, World};
use super::Model;
use crate::approval::{ANSWER_REPEATS_MS, Event, State, StateKind};

impl Model {
    /// The request that answers the call: one that stands, else what repeats.
    pub(in super::super) fn standing(&self, world: &World) -> Option<usize> {
        let since = world.now.plus_millis(-ANSWER_REPEATS_MS);
        let kind = |slot: &usize| world.slots[*slot].kind(world.now);
        let stands = |kind| match kind {
            StateKind::Pending | StateKind::Approved | StateKind::Running => true,
            StateKind::InDoubt => self.rules.doubt_stands,
            _ => false,
        };
        let repeats = |slot: &usize| {
            matches!(kind(slot), StateKind::Done | StateKind::Denied)
                && world.slots[*slot].state_at > since
                && self.rules.answers_repeat
        };
        let all = || 0..world.slots.len();
        let last = || all().filter(repeats).max_by_key(|slot| world.slots[*slot].state_at);
        all().find(|slot| stands(kind(slot))).or_else(last)
    }

    pub(super) fn ask(&self, world: &mut Cow<'_, World>, client: usize) -> Answer {
        if self.rules.looks_for_what_stands
            && let Some(standing) = self.standing(world)
        {
            return Answer::Existing(standing);
        }
        let now = world.now;
        for slot in 0..world.slots.len() {
            if world.slots[slot].state.kind() != world.slots[slot].kind(now) {
                // What ran out would still hold the effect.
                let _ = self.step(world, slot, Event::Expire);
            }
        }
        let since = now.plus_millis(-ANSWER_REPEATS_MS);
        let unheard = |slot: &Slot| slot.state.kind() == StateKind::Expired && !slot.heard;
        let ran_out = (0..world.slots.len())
            .filter(|slot| unheard(&world.slots[*slot]) && world.slots[*slot].expires > since)
            .max_by_key(|slot| world.slots[*slot].state_at);
        if world.slots.iter().any(unheard) {
            world.to_mut().slots.iter_mut().filter(|slot| unheard(slot)).for_each(|slot| {
                slot.heard = true;
            });
        }
        if let Some(ran_out) = ran_out {
            return Answer::RanOut(ran_out);
        }
        let counted = self.counted(world, client);
        if counted >= self.most {
            return Answer::TooMany(counted);
        }
        if self.rules.indexes && world.slots.iter().any(|slot| slot.state.kind().is_live()) {
            return Answer::Error;
        }
        let world = world.to_mut();
        world.slots.push(Slot {
            client,
            state: State::Pending,
            state_at: now,
            created: now,
            expires: now.plus_millis(EXPIRES),
            votes: Vec::new(),
            heard: false,
            told: false,
            answer: None,
            run: None,
            seen: Seen::default(),
        });
        Answer::Created(world.slots.len() - 1)
    }

    /// How many requests are taken for waiting where this client asks for one more.
    fn counted(&self, world: &World, client: usize) -> u32 {
        let rules = &self.rules;
        if !rules.cap_holds {
            return 0;
        }
        let of_others = u32::from(!rules.cap_is_of_the_account && client != 0);
        let here = |slot: &&Slot| {
            slot.kind(world.now) == StateKind::Pending
                && (rules.cap_is_of_the_account || slot.client == client)
        };
        let elsewhere = match world.elsewhere {
            Elsewhere::Waits => 1,
            Elsewhere::RanOut => u32::from(!rules.cap_is_of_what_waits),
            Elsewhere::None => 0,
        };
        let here = world.slots.iter().filter(here).map(|_| 1).sum::<u32>();
        here + elsewhere.saturating_sub(of_others)
    }

    pub(super) fn ask_elsewhere(&self, world: &mut Cow<'_, World>) -> Answer {
        let counted = self.counted(world, 0);
        if counted >= self.most {
            return Answer::TooMany(counted);
        }
        world.to_mut().elsewhere = Elsewhere::Waits;
        Answer::CreatedElsewhere
    }

    pub(super) fn look(&self, world: &mut Cow<'_, World>, replica: usize, client: usize) -> Answer {
        let found = self.standing(world);
        if let Some(slot) = found.filter(|slot| {
            let found = &world.slots[*slot];
            found.kind(world.now) == StateKind::Approved
                && self.approval(found).is_held_by(&self.asked[client].requester)
        }) {
            world.to_mut().replicas[replica] = Replica::Found(slot);
        }
        Answer::Found(found)
    }
}
