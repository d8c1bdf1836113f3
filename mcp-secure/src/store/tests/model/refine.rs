//! The stores do what the model does: every answer, and everything that can be read afterwards, is compared.
//!
//! One walk goes through the space of the model, with a store open in two processes' place, and takes a step of each kind
//! that there is; `MCP_SECURE_MODEL=all` makes it every step of every world, `MCP_SECURE_MODEL=30` as many of them as it gets
//! to in thirty minutes, and it says how many that were.

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::action::{Action, Answer};
use super::explore::{Space, Step};
use super::people::Account;
use super::rules::Rules;
use super::transact::{Model, result_of};
use super::world::{Key, LEASE, STEP, Slot, World};
use super::{one_may_wait, two_persons};
use crate::approval::{Approval, ApprovalId, NewApproval, State, StateKind, Verdict};
use crate::canon::Digest;
use crate::store::tests::{Desk, Shared};
use crate::store::{ApprovalFilter, Committed, Decided, Fence, Moved, Requested, Resolved, RunId};

cases! {
    every_answer_of_the_store_is_the_models,
    so_it_is_where_few_requests_may_wait,
}

/// A world, and the store that is to be in it.
struct Walk {
    model: Model,
    world: World,
    desk: Desk,
    stores: [Shared; 2],
    /// The ids of the world's requests.
    ids: Vec<ApprovalId>,
    /// What the account has asked for elsewhere, while it waits.
    elsewhere: Option<ApprovalId>,
    /// Those that ran out and are forgotten before the record was told.
    untold: HashSet<ApprovalId>,
    /// What each replica holds in its memory.
    held: [Option<(RunId, Fence)>; 2],
    steps: usize,
}

/// What kind of step it is: who does what about a request in which state, and what that is answered.
fn kind(world: &World, step: &Step) -> String {
    let action = step.action.moved(|_| 0, |_| 0);
    let about = Cell::new(None);
    let slot = |slot: usize| {
        about.set(Some(world.slots[slot].kind(world.now)));
        slot
    };
    step.action.moved(slot, |replica| {
        let held = world.replicas[replica].about();
        about.set(held.map(|slot| world.slots[slot].kind(world.now)));
        replica
    });
    let answer = format!("{:?}", step.answer);
    let answer: String = answer.chars().filter(|c| !c.is_ascii_digit()).collect();
    format!("{action:?} {:?} {answer} {:?}", about.get(), world.elsewhere)
}

async fn every_answer_of_the_store_is_the_models(desk: Desk) {
    Box::pin(walked(Model::new(Rules::REAL, 2, false), two_persons(), desk)).await;
}

async fn so_it_is_where_few_requests_may_wait(desk: Desk) {
    let model = Model::new(Rules::REAL, 1, false).capped();
    Box::pin(walked(model, one_may_wait(), desk)).await;
}

async fn walked(model: Model, space: &Space, desk: Desk) {
    let begun = Instant::now();
    let wanted = std::env::var("MCP_SECURE_MODEL").ok();
    let minutes = wanted.as_ref().filter(|what| *what != "all");
    let most = minutes.map(|minutes| Duration::from_secs(60 * minutes.parse::<u64>().unwrap()));
    let mut left = Left::new(space, wanted.is_some());
    let mut walk = Walk::new(model, desk).await;
    let mut said = begun;
    while let Some(path) = left.nearest(space, walk.at(space)) {
        if wanted.is_some() && said.elapsed() > Duration::from_secs(60) {
            println!("{}, {} steps taken", left.so_far(), walk.steps);
            said = Instant::now();
        }
        if most.is_some_and(|most| begun.elapsed() > most) {
            println!("stopped at {}, {} steps taken", left.so_far(), walk.steps);
            return;
        }
        for (world, step) in path {
            walk.take(space, world, step).await;
            left.take(world, step);
        }
        walk.compare().await;
    }
    println!(
        "{} kinds of steps, {} steps taken in {:.1?}",
        left.taken.len(),
        walk.steps,
        begun.elapsed()
    );
    assert!(left.taken.iter().all(|taken| *taken), "some can not be reached from where others end");
    assert!(left.taken.len() >= 300, "{}", left.taken.len());
}

/// The steps that are still to be taken.
struct Left {
    /// The kind of each step of each world. Where all are to be taken, each is a kind of its own.
    kinds: Vec<Vec<usize>>,
    /// Which kinds have been taken.
    taken: Vec<bool>,
    /// The worlds all of whose steps have been.
    over: Vec<bool>,
    /// The steps of each world that lead to another, and to which.
    moves: Vec<Vec<(usize, usize)>>,
}

impl Left {
    fn new(space: &Space, all: bool) -> Self {
        let mut names: HashMap<String, usize> = HashMap::new();
        let mut count = 0;
        let mut number = |world: &World, step: &Step| {
            if all {
                count += 1;
                return count - 1;
            }
            let next = names.len();
            let number = *names.entry(kind(world, step)).or_insert(next);
            count = names.len();
            number
        };
        let worlds = space.worlds.iter().zip(&space.steps);
        let kinds = worlds
            .map(|(world, steps)| steps.iter().map(|step| number(world, step)).collect())
            .collect();
        let moves = space.steps.iter().enumerate().map(|(world, steps)| {
            let moves = steps.iter().enumerate().map(|(number, step)| (number, step.to));
            moves.filter(|(_, to)| *to != world).collect()
        });
        let (over, moves) = (vec![false; space.worlds.len()], moves.collect());
        Self { kinds, taken: vec![false; count], over, moves }
    }

    fn so_far(&self) -> String {
        let taken = self.taken.iter().filter(|taken| **taken).count();
        format!("{taken} of {}", self.taken.len())
    }

    fn take(&mut self, world: usize, step: usize) {
        self.taken[self.kinds[world][step]] = true;
    }

    /// The way to the nearest world with steps that are still to be taken, and on to them: all that leave the world as it
    /// is, or else one.
    fn nearest(&mut self, space: &Space, from: usize) -> Option<Vec<(usize, usize)>> {
        let mut came = vec![None; space.worlds.len()];
        let mut next = VecDeque::from([from]);
        while let Some(world) = next.pop_front() {
            let wanted = if self.over[world] { Vec::new() } else { self.wanted(space, world) };
            self.over[world] = wanted.is_empty();
            if !wanted.is_empty() {
                let mut way: Vec<_> = wanted.into_iter().rev().map(|step| (world, step)).collect();
                let mut at = world;
                while let Some((before, step)) = came[at].filter(|_| at != from) {
                    way.push((before, step));
                    at = before;
                }
                way.reverse();
                return Some(way);
            }
            for (number, to) in &self.moves[world] {
                if *to != from && came[*to].is_none() {
                    came[*to] = Some((world, *number));
                    next.push_back(*to);
                }
            }
        }
        None
    }

    fn wanted(&self, space: &Space, world: usize) -> Vec<usize> {
        let steps = &space.steps[world];
        let open = |step: &usize| !self.taken[self.kinds[world][*step]];
        let stays = |step: &usize| steps[*step].to == world;
        let staying: Vec<_> = (0..steps.len()).filter(stays).filter(open).collect();
        if staying.is_empty() {
            return (0..steps.len()).find(open).into_iter().collect();
        }
        staying
    }
}

impl Walk {
    async fn new(model: Model, desk: Desk) -> Self {
        let stores = [desk.open().await, desk.open().await];
        let world = World::new();
        assert_eq!(stores[0].now().await.unwrap(), world.now);
        let (ids, untold) = (Vec::new(), HashSet::new());
        let held = [None; 2];
        Self { model, world, desk, stores, ids, elsewhere: None, untold, held, steps: 0 }
    }

    fn at(&self, space: &Space) -> usize {
        space.number[&self.world.key().world]
    }

    /// Takes a step of the model's space here, in the model and in the store.
    async fn take(&mut self, space: &Space, world: usize, step: usize) {
        let step = &space.steps[world][step];
        let Key { world: key, slots, swapped } = self.world.key();
        assert_eq!(space.number[&key], world, "elsewhere than the model: {key:#?}");
        let place = |replica| if swapped { 1 - replica } else { replica };
        let action = step.action.moved(|slot| slots[slot], place);
        let (answer, after) = self.model.apply(&self.world, action);
        let said = self.ask(action).await;
        assert_eq!(said, answer, "{action:?} in {:#?}", self.world);
        self.steps += 1;
        if let Some(after) = after {
            self.world = after;
        }
        let ran_out = |slot: &usize| {
            let found = &self.world.slots[*slot];
            found.state.kind() == StateKind::Expired && !found.told
        };
        let untold: Vec<_> = (0..self.ids.len()).filter(ran_out).collect();
        let kept = self.world.forget();
        let forgotten = untold.iter().filter(|slot| !kept.contains(slot));
        self.untold.extend(forgotten.map(|slot| self.ids[*slot]));
        self.ids = kept.iter().map(|slot| self.ids[*slot]).collect();
        assert_eq!(self.at(space), step.to, "{action:?} leads elsewhere: {:#?}", self.world);
    }

    fn slot(&self, id: &ApprovalId) -> usize {
        self.ids.iter().position(|known| known == id).unwrap()
    }

    /// The same, asked of the store.
    async fn ask(&mut self, action: Action) -> Answer {
        let store = Arc::clone(&self.stores[self.steps % 2]);
        let effect = self.model.effect();
        match action {
            Action::Wait => {
                self.desk.clock.advance_millis(STEP);
                self.untold.extend(self.elsewhere.take());
                Answer::Nothing
            }
            Action::Ask { client } => {
                let new = self.model.asks[client].clone();
                match store.request_approval(new).await.unwrap() {
                    Requested::Created(made) => {
                        self.ids.push(made.id);
                        Answer::Created(self.ids.len() - 1)
                    }
                    Requested::Existing(found) => Answer::Existing(self.slot(&found.id)),
                    Requested::RanOut(found) => Answer::RanOut(self.slot(&found.id)),
                    Requested::TooManyPending(counted) => Answer::TooMany(counted),
                }
            }
            Action::AskElsewhere => {
                let effect = Digest::of_bytes(format!("elsewhere {}", self.steps).as_bytes());
                let new = NewApproval { effect, ..self.model.asks[0].clone() };
                match store.request_approval(new).await.unwrap() {
                    Requested::Created(made) => {
                        self.elsewhere = Some(made.id);
                        Answer::CreatedElsewhere
                    }
                    Requested::TooManyPending(counted) => Answer::TooMany(counted),
                    other => panic!("it is new: {other:?}"),
                }
            }
            Action::WithdrawElsewhere => {
                let (id, by) = (self.elsewhere.take().unwrap(), &self.model.asks[0].requester);
                moved(store.withdraw(&id, by.clone()).await.unwrap())
            }
            Action::Look { replica, .. } => {
                let found = self.stores[replica].approval_for(&effect).await.unwrap();
                Answer::Found(found.map(|found| self.slot(&found.id)))
            }
            Action::Commit { replica } => {
                let slot = self.world.replicas[replica].about().unwrap();
                self.commit(replica, slot).await
            }
            Action::Rush { replica, slot } => self.commit(replica, slot).await,
            Action::CommitAgain { replica } => {
                let slot = self.world.replicas[replica].about().unwrap();
                let (run, _) = self.held[replica].unwrap();
                let new = self.model.new_run(&self.world.slots[slot], self.ids[slot], run);
                committed(self.stores[replica].commit_run(new).await.unwrap()).0
            }
            Action::Forge { slot, forgery } => {
                let run = self.next_run();
                let found = &self.world.slots[slot];
                let new = self.model.forged(found, self.ids[slot], run, forgery);
                committed(store.commit_run(new).await.unwrap()).0
            }
            Action::Act { .. } => Answer::Nothing,
            Action::Renew { replica } => {
                let (run, fence) = self.held[replica].unwrap();
                let lease = LEASE.unsigned_abs();
                Answer::Renewed(self.stores[replica].renew(&run, fence, lease).await.unwrap())
            }
            Action::Finish { replica, ending } => {
                let (run, fence) = self.held[replica].take().unwrap();
                let result = result_of(ending);
                let finished = self.stores[replica].finish_run(&run, fence, result).await;
                Answer::Finished(finished.unwrap())
            }
            Action::Crash { replica } => {
                self.held[replica] = None;
                Answer::Nothing
            }
            Action::Vote { slot, account, verdict } => {
                let vote = self.model.vote(account, verdict).clone();
                decided(store.decide(&self.ids[slot], effect, vote).await.unwrap())
            }
            Action::StaleVote { slot } => {
                let vote = self.model.vote(Account::Bob, Verdict::Approve).clone();
                decided(store.decide(&self.ids[slot], self.model.other, vote).await.unwrap())
            }
            Action::WithdrawOwn { slot, client } => {
                let by = self.model.asks[client].requester.clone();
                moved(store.withdraw(&self.ids[slot], by).await.unwrap())
            }
            Action::WithdrawOthers { slot, account } => {
                let by = self.model.party(account).clone();
                moved(store.withdraw(&self.ids[slot], by).await.unwrap())
            }
            Action::Void { slot } => {
                moved(store.void_approval(&self.ids[slot], "policy changed").await.unwrap())
            }
            Action::VoidAll => {
                let gone = store.void_approvals(self.ids.clone(), "called off").await.unwrap();
                let mut gone: Vec<_> = gone.iter().map(|gone| self.slot(&gone.id)).collect();
                gone.sort_unstable();
                Answer::AllMoved(gone)
            }
            Action::Sweep => self.sweep(&store).await,
            Action::Resolve { slot, account, found, by_run } => {
                let by = self.model.party(account).clone();
                if !by_run {
                    return moved(store.resolve(&self.ids[slot], found, by).await.unwrap());
                }
                let run = self.world.slots[slot].run.as_ref().map_or_else(RunId::random, |r| r.id);
                match store.resolve_run(&run, found, by).await.unwrap() {
                    Resolved::To(_) => Answer::Moved,
                    Resolved::NotFound => Answer::NotFound,
                    Resolved::NotInDoubt(state) => Answer::NotInDoubt(state),
                    Resolved::NotAllowed(why) => Answer::NotAllowed(why),
                }
            }
        }
    }

    fn next_run(&self) -> RunId {
        self.model.next_run(&self.world)
    }

    async fn commit(&mut self, replica: usize, slot: usize) -> Answer {
        let run = self.next_run();
        let new = self.model.new_run(&self.world.slots[slot], self.ids[slot], run);
        let (answer, fence) = committed(self.stores[replica].commit_run(new).await.unwrap());
        self.held[replica] = fence.map(|fence| (run, fence));
        answer
    }

    async fn sweep(&mut self, store: &Shared) -> Answer {
        let lapsed = store.recover().await.unwrap();
        let ran_out = store.expire_due().await.unwrap();
        let runs = lapsed.iter().map(|lapsed| lapsed.run_id).collect();
        store.told(runs, ran_out.clone()).await.unwrap();
        let mut lapsed: Vec<_> =
            lapsed.iter().map(|lapsed| self.slot(&lapsed.approval.unwrap())).collect();
        let mut known: Vec<_> = ran_out
            .iter()
            .filter(|id| !self.untold.remove(id))
            .map(|id| self.ids.iter().position(|known| known == id).unwrap())
            .collect();
        assert!(self.untold.is_empty(), "the record is never told of {:?}", self.untold);
        lapsed.sort_unstable();
        known.sort_unstable();
        Answer::Swept { lapsed, ran_out: known }
    }

    /// Reads everything there is, in the process that did not write last.
    async fn compare(&self) {
        let store = &self.stores[self.steps % 2];
        let now = self.world.now;
        assert_eq!(store.now().await.unwrap(), now);
        let mut pending: Vec<_> = self.elsewhere.into_iter().collect();
        for (slot, id) in self.world.slots.iter().zip(&self.ids) {
            let mut want = Approval { id: *id, ..self.model.approval(slot) };
            want.state = want.state.as_of(now, want.expires);
            assert_eq!(want.state.kind(), slot.kind(now));
            if want.state == State::Pending {
                pending.push(*id);
            }
            assert_eq!(store.approval(id).await.unwrap(), Some(want));
            assert_eq!(store.answer(id).await.unwrap(), answer(slot));
            let Some(run) = &slot.run else { continue };
            let found = store.run(&run.id).await.unwrap().unwrap();
            assert_eq!(
                (found.state, found.started, found.lease_until, found.finished, found.late),
                (run.state, run.started, run.lease_until, run.finished, run.late.is_some())
            );
            assert_eq!(found.approval, Some(*id));
        }
        let list = ApprovalFilter { state: Some(StateKind::Pending), ..Default::default() };
        let listed: Vec<_> =
            store.approvals(list, 10).await.unwrap().iter().map(|found| found.id).collect();
        assert_eq!(HashSet::<_>::from_iter(listed), HashSet::<_>::from_iter(pending));
        let standing = store.approval_for(&self.model.effect()).await.unwrap();
        let answers = self.model.standing(&self.world).map(|slot| {
            let found = &self.world.slots[slot];
            let answer = answer(found);
            Approval { id: self.ids[slot], answer, ..self.model.approval(found) }
        });
        assert_eq!(standing, answers);
    }
}

/// The answer that is kept.
fn answer(slot: &Slot) -> Option<Value> {
    slot.answer.as_deref().map(|text| serde_json::from_str(text).unwrap())
}

fn committed(answer: Committed) -> (Answer, Option<Fence>) {
    match answer {
        Committed::Running { fence, lease_until } => (Answer::Running { lease_until }, Some(fence)),
        Committed::Refused(why) => (Answer::NotRunning(why), None),
    }
}

fn decided(answer: Decided) -> Answer {
    match answer {
        Decided::Counted(_) => Answer::Counted,
        Decided::Refused(why) => Answer::VoteRefused(why),
    }
}

fn moved(answer: Moved) -> Answer {
    match answer {
        Moved::To(_) => Answer::Moved,
        Moved::NotFound => Answer::NotFound,
        Moved::Refused(why) => Answer::NotMoved(why),
        Moved::NotAllowed(why) => Answer::NotAllowed(why),
    }
}
