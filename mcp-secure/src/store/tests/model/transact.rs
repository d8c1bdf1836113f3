//! The transactions of a store as functions from world to world. What they decide they decide by the [`Rules`]; what they
//! look for is what the stores' SQL looks for.

use std::borrow::Cow;

use serde_json::json;

use super::action::{Action, Answer, Forgery};
use super::people::{Account, requester};
use super::rules::Rules;
use super::world::{Cast, EXPIRES, Ending, LEASE, Replica, Run, STEP, Seen, Slot, World, run_id};
use crate::approval::{
    ANSWER_REPEATS_MS, Approval, ApprovalId, CastVote, Event, NewApproval, Party, State, StateKind,
    TransitionRefused, Verdict, Vote, VoteRefused,
};
use crate::canon::Digest;
use crate::store::judge::Ended;
use crate::store::row::{Late, Request, assemble, parse};
use crate::store::tests::refund;
use crate::store::{
    CommitRefused, Finished, NewRollback, NewRun, Renewed, Resolution, RunId, RunResult, RunState,
};

/// Ids of new runs begin here, so that none is the one of [`World::key`].
const NEW: u64 = 1;

/// What is the same all the time.
pub(super) struct Model {
    pub(super) rules: Rules,
    pub(super) quorum: u32,
    pub(super) requester_may: bool,
    /// What a client asks for, by client.
    pub(super) asks: [NewApproval; 2],
    asked: [Approval; 2],
    /// The digest of something else.
    pub(super) other: Digest,
    /// What each account says, for and against.
    votes: Vec<[Vote; 2]>,
}

pub(super) fn result_of(ending: Ending) -> RunResult {
    match ending {
        Ending::Done => RunResult::Done {
            result: Digest::of_bytes(b"paid"),
            answer: Some(json!("paid")),
            rollback: Some(NewRollback { output: json!("paid"), within_ms: 1 }),
        },
        Ending::Failed => {
            RunResult::Failed { error: "refused".to_owned(), answer: Some(json!("failed")) }
        }
        Ending::NoEffect => {
            RunResult::NoEffect { error: "not tried".to_owned(), answer: Some(json!("nothing")) }
        }
        Ending::NeverBegan => RunResult::NeverBegan { error: "too late".to_owned(), answer: None },
        Ending::Unknown => RunResult::Unknown { why: "it panicked".to_owned() },
    }
}

impl Model {
    pub(super) fn new(rules: Rules, quorum: u32, requester_may: bool) -> Self {
        let ask = |client| NewApproval {
            requester: requester(client),
            quorum,
            allow_requester: requester_may,
            expires_in_ms: EXPIRES.unsigned_abs(),
            ..refund(1)
        };
        let asks = [ask(0), ask(1)];
        let asked = asks.clone().map(|new| {
            let (id, effect) = (ApprovalId::random(), new.effect);
            let never = crate::clock::Timestamp::from_millis(0);
            assemble(id, effect, Request::from(new), (never, never), State::Pending)
        });
        let votes = Account::ALL.map(|account| {
            let vote =
                |verdict| Vote { voter: account.party(), verdict, reason: None, policy: None };
            [vote(Verdict::Approve), vote(Verdict::Deny)]
        });
        Self {
            rules,
            quorum,
            requester_may,
            asks,
            asked,
            other: Digest::of_bytes(b"another call"),
            votes: votes.into(),
        }
    }

    pub(super) fn effect(&self) -> Digest {
        self.asks[0].effect
    }

    /// The request as the store's functions get it.
    pub(super) fn approval(&self, slot: &Slot) -> Approval {
        let cast = |cast: &Cast| {
            let voter = self.party(cast.account).clone();
            CastVote {
                person: voter.person.clone().unwrap_or_else(|| voter.subject.clone()),
                issuer: voter.issuer.clone(),
                subject: voter.subject.clone(),
                client: voter.client.clone(),
                verdict: cast.verdict,
                reason: None,
                method: voter.method,
                policy: None,
                account: Some(voter),
                at: cast.at,
            }
        };
        Approval {
            created: slot.created,
            expires: slot.expires,
            votes: slot.votes.iter().map(cast).collect(),
            state: slot.state.clone(),
            ..self.asked[slot.client].clone()
        }
    }

    pub(super) fn vote(&self, account: Account, verdict: Verdict) -> &Vote {
        let account = Account::ALL.iter().position(|one| *one == account).unwrap();
        &self.votes[account][usize::from(verdict == Verdict::Deny)]
    }

    /// The id of the next run.
    pub(super) fn next_run(&self, world: &World) -> RunId {
        run_id(NEW + world.tried)
    }

    pub(super) fn party(&self, account: Account) -> &Party {
        &self.vote(account, Verdict::Approve).voter
    }

    /// The run that a call of `slot` commits.
    pub(super) fn new_run(&self, slot: &Slot, id: ApprovalId, run_id: RunId) -> NewRun {
        let asked = &self.asked[slot.client];
        NewRun {
            run_id,
            request_id: "req-1".to_owned(),
            tool: asked.tool.clone(),
            effect: asked.effect,
            caller: asked.requester.clone(),
            mutating: true,
            approval: Some((id, asked.effect)),
            idempotency: None,
            compensates: None,
            lease_ms: LEASE.unsigned_abs(),
        }
    }

    /// What happens, and the world after it if it is another one.
    pub(super) fn apply(&self, world: &World, action: Action) -> (Answer, Option<World>) {
        let mut next = Cow::Borrowed(world);
        let answer = match action {
            Action::Wait => {
                let next = next.to_mut();
                next.now = next.now.plus_millis(STEP);
                Answer::Nothing
            }
            Action::Ask { client } => self.ask(&mut next, client),
            Action::Look { replica, client } => self.look(&mut next, replica, client),
            Action::Rush { replica, slot } => self.commit(&mut next, replica, slot, true),
            Action::Commit { replica } => {
                let slot = next.replicas[replica].about().unwrap();
                next.to_mut().replicas[replica] = Replica::Idle;
                self.commit(&mut next, replica, slot, self.rules.looks_again)
            }
            Action::CommitAgain { replica } => self.commit_again(&mut next, replica),
            Action::Act { replica } => act(next.to_mut(), replica),
            Action::Renew { replica } => self.renew(&mut next, replica),
            Action::Finish { replica, ending } => self.finish(&mut next, replica, ending),
            Action::Crash { replica } => {
                next.to_mut().replicas[replica] = Replica::Idle;
                Answer::Nothing
            }
            Action::Vote { slot, account, verdict } => {
                self.decide(&mut next, slot, account, verdict, self.effect())
            }
            Action::StaleVote { slot } => {
                self.decide(&mut next, slot, Account::Bob, Verdict::Approve, self.other)
            }
            Action::WithdrawOwn { slot, client } => {
                self.withdraw(&mut next, slot, &self.asked[client].requester)
            }
            Action::WithdrawOthers { slot, account } => {
                self.withdraw(&mut next, slot, self.party(account))
            }
            Action::Void { slot } => self.void(&mut next, slot),
            Action::VoidAll => self.void_all(&mut next),
            Action::Forge { slot, forgery } => self.forge(&mut next, slot, forgery),
            Action::Sweep => self.sweep(&mut next),
            Action::Resolve { slot, account, found, by_run } => {
                self.resolve(&mut next, slot, self.party(account), found, by_run)
            }
        };
        match next {
            Cow::Borrowed(_) => (answer, None),
            Cow::Owned(next) => (answer, Some(next)),
        }
    }

    fn step(
        &self,
        world: &mut Cow<'_, World>,
        slot: usize,
        event: Event,
    ) -> Result<(), TransitionRefused> {
        let (now, seen) = (world.now, &world.slots[slot]);
        let next = (self.rules.after)(&seen.state, event, now, seen.expires)?;
        let slot = &mut world.to_mut().slots[slot];
        (slot.state, slot.state_at) = (next, now);
        Ok(())
    }

    /// The request that answers the call: one that stands, else what repeats.
    pub(super) fn standing(&self, world: &World) -> Option<usize> {
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

    fn ask(&self, world: &mut Cow<'_, World>, client: usize) -> Answer {
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

    fn look(&self, world: &mut Cow<'_, World>, replica: usize, client: usize) -> Answer {
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

    fn decide(
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

    fn withdraw(&self, world: &mut Cow<'_, World>, slot: usize, by: &Party) -> Answer {
        let r = &self.asked[world.slots[slot].client].requester;
        let own = r.tenant == by.tenant && r.issuer == by.issuer && r.subject == by.subject;
        if !own && self.rules.own_alone {
            return Answer::NotFound;
        }
        self.moved(world, slot, Event::Withdraw)
    }

    fn void(&self, world: &mut Cow<'_, World>, slot: usize) -> Answer {
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

    fn void_all(&self, world: &mut Cow<'_, World>) -> Answer {
        let all = (0..world.slots.len()).filter(|slot| {
            let event = (self.rules.voiding)(&self.approval(&world.slots[*slot]), "called off");
            self.moved(world, *slot, event) == Answer::Moved
        });
        Answer::AllMoved(all.collect())
    }

    fn commit(
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

    fn commit_again(&self, world: &mut Cow<'_, World>, replica: usize) -> Answer {
        let slot = world.replicas[replica].about().unwrap();
        if world.slots[slot].run.is_some() {
            return Answer::NotRunning(CommitRefused::AlreadyRunning);
        }
        // Its row is dropped, and its approval is as used up as before.
        let new = self.new_run(&world.slots[slot], self.asked[0].id, self.next_run(world));
        self.consume(world, slot, &new, true)
    }

    fn forge(&self, world: &mut Cow<'_, World>, slot: usize, forgery: Forgery) -> Answer {
        let (id, run) = (self.asked[0].id, self.next_run(world));
        let new = self.forged(&world.slots[slot], id, run, forgery);
        self.consume(world, slot, &new, true)
    }

    pub(super) fn forged(
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

    fn renew(&self, world: &mut Cow<'_, World>, replica: usize) -> Answer {
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

    fn finish(&self, world: &mut Cow<'_, World>, replica: usize, ending: Ending) -> Answer {
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

    fn write_end(&self, world: &mut Cow<'_, World>, slot: usize, end: &Ended) {
        let now = world.now;
        let keep_until = end.settled(None, now).unwrap().keep_until;
        let run = world.to_mut().slots[slot].run.as_mut().unwrap();
        (run.state, run.finished, run.keep_until) = (end.state, Some(now), keep_until);
    }

    /// The approval follows its run.
    fn approval_ended(&self, world: &mut Cow<'_, World>, slot: usize, end: &Ended) {
        if self.step(world, slot, end.event.clone()).is_ok()
            && let Some(answer) = end.approved_answer().unwrap()
        {
            world.to_mut().slots[slot].answer = Some(answer);
        }
    }

    fn sweep(&self, world: &mut Cow<'_, World>) -> Answer {
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

    fn resolve(
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

fn act(world: &mut World, replica: usize) -> Answer {
    let slot = world.replicas[replica].about().unwrap();
    world.slots[slot].seen.effects += 1;
    world.replicas[replica] = Replica::Acted(slot);
    Answer::Nothing
}
