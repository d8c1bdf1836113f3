//! Everything there is: the requests for one effect with their runs, two replicas, and the time.

use std::hash::Hash;

use super::people::Account;
use crate::approval::{ANSWER_REPEATS_MS, State, StateKind, Verdict};
use crate::clock::Timestamp;
use crate::store::tests::HOUR;
use crate::store::{RunId, RunState};

/// How far time goes at once.
pub(super) const STEP: i64 = 12 * HOUR;
/// How long people have. Answers repeat for twice as long.
pub(super) const EXPIRES: i64 = STEP;
/// How long a run may be silent.
pub(super) const LEASE: i64 = STEP;

/// The time at which a [`World::key`] stands.
const STILL: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Ending {
    Done,
    Failed,
    NoEffect,
    /// It was given up before its body was entered.
    NeverBegan,
    Unknown,
}

/// One vote, by one account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Cast {
    pub(super) account: Account,
    pub(super) verdict: Verdict,
    pub(super) at: Timestamp,
}

/// A row of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) state: RunState,
    pub(super) started: Timestamp,
    pub(super) lease_until: Timestamp,
    pub(super) finished: Option<Timestamp>,
    pub(super) keep_until: Option<i64>,
    pub(super) late: Option<Ending>,
}

/// What an onlooker has written down about a request, from the answers alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    /// The persons whose approval counted.
    pub(super) approved_by: Vec<&'static str>,
    pub(super) denied: bool,
    pub(super) withdrawn: bool,
    pub(super) voided: bool,
    /// How often a body was let in.
    pub(super) starts: u8,
    /// How often the effect happened.
    pub(super) effects: u8,
    /// A person has found that it was not done.
    pub(super) not_done: bool,
}

/// A row of a request, the row of its run, and what was seen of both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    /// The client that asked.
    pub(super) client: usize,
    pub(super) state: State,
    pub(super) state_at: Timestamp,
    pub(super) created: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) votes: Vec<Cast>,
    /// The requester has heard that it ran out.
    pub(super) heard: bool,
    /// The record has been told that it ran out.
    pub(super) told: bool,
    /// The text of the answer that is kept.
    pub(super) answer: Option<String>,
    pub(super) run: Option<Run>,
    pub(super) seen: Seen,
}

/// What a process holds in its memory about a call. A crash forgets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Replica {
    Idle,
    /// It has looked a request up and found it approved.
    Found(usize),
    /// It has committed a run of this request, whose body has not done anything yet.
    Began(usize),
    /// The body has done what it does, and nobody has been told.
    Acted(usize),
}

impl Replica {
    pub(super) fn about(self) -> Option<usize> {
        match self {
            Self::Idle => None,
            Self::Found(slot) | Self::Began(slot) | Self::Acted(slot) => Some(slot),
        }
    }

    fn moved(self, to: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::Idle => Self::Idle,
            Self::Found(slot) => Self::Found(to(slot)),
            Self::Began(slot) => Self::Began(to(slot)),
            Self::Acted(slot) => Self::Acted(to(slot)),
        }
    }
}

/// Another request of the same account, about something else. It takes a place among those that may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Elsewhere {
    None,
    Waits,
    /// It has run out, and that is not written down.
    RanOut,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) elsewhere: Elsewhere,
    pub(super) slots: Vec<Slot>,
    pub(super) replicas: [Replica; 2],
    /// How many runs have been tried, which makes each run's id its own.
    pub(super) tried: u64,
}

/// The id of the `number`th run. In [`World::key`] it is always the first.
pub(super) fn run_id(number: u64) -> RunId {
    format!("run_{number:032x}").parse().unwrap()
}

impl Slot {
    /// The state as it reads at `now`.
    pub(super) fn kind(&self, now: Timestamp) -> StateKind {
        match self.state.kind() {
            StateKind::Pending | StateKind::Approved if now >= self.expires => StateKind::Expired,
            kind => kind,
        }
    }

    /// Nobody is answered with it any more: it is over, and its answer has been heard or is too old.
    fn is_forgotten(&self, now: Timestamp) -> bool {
        let since = now.plus_millis(-ANSWER_REPEATS_MS);
        match self.state.kind() {
            StateKind::Done | StateKind::Denied => self.state_at <= since,
            StateKind::Expired => self.heard || self.expires <= since,
            kind => kind.is_terminal(),
        }
    }

    /// The same with everything left out that no later step can depend on, and times relative to `now`, which is moved
    /// to [`STILL`]. `held`: a replica knows of it.
    fn key(self, now: Timestamp, run: RunId, held: bool) -> Self {
        let long_ago = now.plus_millis(-ANSWER_REPEATS_MS);
        let moved = |at: Timestamp| STILL.plus_millis(at.millis() - now.millis());
        let past = |at: Timestamp| moved(at.max(long_ago));
        let (kind, forgotten) = (self.state.kind(), self.is_forgotten(now));
        let (state_at, expires) = (past(self.state_at), past(self.expires));
        let mut key = Self {
            state: state_key(&self.state, run, state_at),
            state_at: STILL,
            created: STILL,
            expires: STILL,
            told: false,
            answer: None,
            ..self
        };
        match kind {
            StateKind::Pending => {
                key.expires = expires;
                for vote in &mut key.votes {
                    // Either of Bob's accounts speaks for him.
                    vote.at = STILL;
                    if vote.account == Account::BobAdmin {
                        vote.account = Account::Bob;
                    }
                }
                key.votes.sort_by_key(|vote| vote.account);
                key.seen.approved_by.sort_unstable();
            }
            StateKind::Approved => {
                key.expires = expires;
                // Whose votes they were asks nobody any more, but how many.
                key.seen.approved_by.iter_mut().for_each(|person| *person = "somebody");
            }
            StateKind::Running | StateKind::InDoubt => {
                let runs = kind == StateKind::Running;
                key.run = key.run.map(|row| Run {
                    id: run,
                    started: STILL,
                    lease_until: if runs { moved(row.lease_until.max(now)) } else { STILL },
                    finished: None,
                    // What is not done leaves nothing to answer with.
                    late: row
                        .late
                        .map(|end| if end == Ending::Done { end } else { Ending::Failed }),
                    ..row
                });
            }
            StateKind::Done | StateKind::Denied => key.state_at = state_at,
            StateKind::Expired => key.expires = if forgotten { STILL } else { expires },
            StateKind::Failed | StateKind::Withdrawn | StateKind::Void => {}
        }
        if kind != StateKind::Pending {
            key.votes.clear();
        }
        if !matches!(kind, StateKind::Pending | StateKind::Approved) {
            key.seen.approved_by.clear();
        }
        if kind.is_terminal() {
            (key.run, key.client) = (None, 0);
            key.heard = kind != StateKind::Expired || forgotten;
            key.seen.effects *= u8::from(held);
        }
        key
    }

    /// What is left of it in a key when it is forgotten and held by nobody.
    fn remains(&self) -> impl Ord + use<> {
        let by_a_person = match &self.state {
            State::Done { resolved_by, .. } | State::Failed { resolved_by, .. } => {
                resolved_by.is_some()
            }
            _ => false,
        };
        (self.state.kind(), by_a_person, self.seen.starts)
    }

    /// In which order requests stand in a key. Where two are alike in all this, either may be first.
    fn order(&self) -> impl Ord + use<> {
        (self.remains(), self.client, self.expires, self.state_at, self.heard, self.seen.effects)
    }
}

/// The same state without names and reasons, and with `at` where it matters how long it lasts.
fn state_key(state: &State, run: RunId, at: Timestamp) -> State {
    let text = String::new;
    match state {
        State::Pending => State::Pending,
        State::Approved { .. } => State::Approved { at: STILL },
        State::Running { .. } => State::Running { run, at: STILL },
        State::InDoubt { .. } => State::InDoubt { run, at: STILL, why: text() },
        State::Done { resolved_by, .. } => {
            let resolved_by = resolved_by.as_ref().map(|_| text());
            State::Done { at, result: None, resolved_by }
        }
        State::Denied { .. } => State::Denied { at, person: text(), reason: None },
        State::Failed { resolved_by, .. } => {
            let resolved_by = resolved_by.as_ref().map(|_| text());
            State::Failed { at: STILL, error: text(), resolved_by }
        }
        State::Expired { .. } => State::Expired { at: STILL },
        State::Withdrawn { .. } => State::Withdrawn { at: STILL },
        State::Void { .. } => State::Void { at: STILL, why: text() },
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            now: STILL,
            elsewhere: Elsewhere::None,
            slots: Vec::new(),
            replicas: [Replica::Idle; 2],
            tried: 0,
        }
    }

    /// How many requests of the account wait for people.
    pub(super) fn waiting(&self) -> u32 {
        let waits = |slot: &&Slot| slot.kind(self.now) == StateKind::Pending;
        let here = self.slots.iter().filter(waits).map(|_| 1).sum::<u32>();
        here + u32::from(self.elsewhere == Elsewhere::Waits)
    }

    fn is_held(&self, slot: usize) -> bool {
        self.replicas.iter().any(|replica| replica.about() == Some(slot))
    }

    /// Which requests still matter: all that somebody can be answered with or holds in memory, and, as long as there are
    /// few of them, one of the others, on which everything has to be refused.
    fn matter(&self) -> Vec<usize> {
        let over = |slot: usize| self.slots[slot].is_forgotten(self.now) && !self.is_held(slot);
        let last = (0..self.slots.len())
            .filter(|slot| over(*slot))
            .max_by_key(|slot| self.slots[*slot].remains());
        let matter = |slot: usize| !over(slot);
        let few = (0..self.slots.len()).filter(|slot| matter(*slot)).count() < 2;
        (0..self.slots.len()).filter(|slot| matter(*slot) || few && last == Some(*slot)).collect()
    }

    /// Leaves out all requests but these, which stand in this order then.
    fn keep(&mut self, kept: &[usize]) {
        let to = |slot: usize| kept.iter().position(|old| *old == slot).unwrap();
        self.replicas = self.replicas.map(|replica| replica.moved(to));
        let mut slots: Vec<_> = self.slots.drain(..).map(Some).collect();
        self.slots.extend(kept.iter().map(|slot| slots[*slot].take().unwrap()));
    }

    /// Leaves out the requests that matter no more, and says where the others stood.
    pub(super) fn forget(&mut self) -> Vec<usize> {
        let kept = self.matter();
        self.keep(&kept);
        kept
    }

    /// The one that stands for all worlds in which the same can happen from now on: no times but those that are left, no
    /// ids but the order.
    pub(super) fn key(&self) -> Key {
        let mut world = self.clone();
        let mut from = world.forget();
        let run = run_id(0);
        let held = |slot| world.is_held(slot);
        let held: Vec<_> = (0..world.slots.len()).map(held).collect();
        let slots = std::mem::take(&mut world.slots).into_iter().zip(held);
        world.slots = slots.map(|(slot, held)| slot.key(self.now, run, held)).collect();
        let mut order: Vec<usize> = (0..world.slots.len()).collect();
        order.sort_by_cached_key(|slot| {
            let holder = world.replicas.iter().filter(|replica| replica.about() == Some(*slot));
            (world.slots[*slot].order(), holder.map(|replica| replica.moved(|_| 0)).min())
        });
        world.keep(&order);
        from = order.iter().map(|slot| from[*slot]).collect();
        (world.now, world.tried) = (STILL, 0);
        let swapped = world.replicas[0] > world.replicas[1];
        world.replicas.sort_unstable();
        Key { world, slots: from, swapped }
    }
}

/// What [`World::key`] is, and where in the world the things in it are.
pub(super) struct Key {
    pub(super) world: World,
    /// The places of its requests in the world.
    pub(super) slots: Vec<usize>,
    /// The replicas have changed places.
    pub(super) swapped: bool,
}
