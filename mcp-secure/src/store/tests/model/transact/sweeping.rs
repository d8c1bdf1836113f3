//! What is done though nobody calls: lapsed leases, requests that ran out, rows nobody needs any more.

use std::borrow::Cow;

use super::super::action::Answer;
use super::super::world::{Elsewhere, World};
use super::Model;
use crate::approval::{ANSWER_REPEATS_MS, Event, StateKind};
use crate::store::{RunResult, RunState};

impl Model {
    pub(super) fn sweep(&self, world: &mut Cow<'_, World>) -> Answer {
        let now = world.now;
        let mut lapsed = Vec::new();
        for slot in 0..world.slots.len() {
            let Some(run) = &world.slots[slot].run else { continue };
            let holds = run.lease_until > now && self.rules.leases_hold;
            if run.state != RunState::Running || holds || !self.rules.leases_lapse {
                continue;
            }
            let why = "the run's lease lapsed without an outcome".to_owned();
            let end = (self.rules.ended)(run.id, RunResult::Unknown { why });
            self.write_end(world, slot, &end);
            self.approval_ended(world, slot, &end);
            lapsed.push(slot);
        }
        let mut ran_out = Vec::new();
        for slot in 0..world.slots.len() {
            let found = &world.slots[slot];
            let due = matches!(found.state.kind(), StateKind::Pending | StateKind::Approved)
                || self.rules.sweeps_everything;
            if found.expires <= now && due {
                let _ = self.step(world, slot, Event::Expire);
            }
            if world.slots[slot].state.kind() == StateKind::Expired && !world.slots[slot].told {
                world.to_mut().slots[slot].told = true;
                ran_out.push(slot);
            }
        }
        if world.elsewhere == Elsewhere::RanOut {
            world.to_mut().elsewhere = Elsewhere::None;
        }
        self.tidy(world);
        Answer::Swept { lapsed, ran_out }
    }

    /// Drops answers and runs that nobody needs any more.
    fn tidy(&self, world: &mut Cow<'_, World>) {
        let now = world.now;
        let since = now.plus_millis(-ANSWER_REPEATS_MS);
        for slot in 0..world.slots.len() {
            let found = &world.slots[slot];
            let old = found.answer.is_some() && found.state_at <= since;
            let over = found.run.as_ref().and_then(|run| run.keep_until);
            let drops = over.is_some_and(|until| until <= now.millis());
            if old {
                world.to_mut().slots[slot].answer = None;
            }
            if drops {
                world.to_mut().slots[slot].run = None;
            }
        }
    }
}
