//! The transactions of a store as functions from world to world. What they decide they decide by the [`Rules`]; what they
//! look for is what the stores' SQL looks for.

mod asking;
mod deciding;
mod running;
mod sweeping;

use std::borrow::Cow;

use serde_json::json;

use super::action::{Action, Answer};
use super::people::{Account, requester};
use super::rules::Rules;
use super::world::{Cast, EXPIRES, Elsewhere, Ending, LEASE, Replica, STEP, Slot, World, run_id};
use crate::approval::{
    Approval, ApprovalId, CastVote, Event, NewApproval, Party, State, TransitionRefused, Verdict,
    Vote,
};
use crate::canon::Digest;
use crate::store::row::{Request, assemble};
use crate::store::tests::refund;
use crate::store::{NewRollback, NewRun, RunId, RunResult};
use running::act;

/// Ids of new runs begin here, so that none is the one of [`World::key`].
const NEW: u64 = 1;

/// What is the same all the time.
pub(super) struct Model {
    pub(super) rules: Rules,
    pub(super) quorum: u32,
    pub(super) requester_may: bool,
    /// Few requests of the account may wait, and it asks for other things, too.
    pub(super) capped: bool,
    /// How many may wait.
    pub(super) most: u32,
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
            capped: false,
            most: asks[0].max_pending,
            asks,
            asked,
            other: Digest::of_bytes(b"another call"),
            votes: votes.into(),
        }
    }

    /// The same where one request of the account may wait.
    pub(super) fn capped(mut self) -> Self {
        (self.capped, self.most) = (true, 1);
        for new in &mut self.asks {
            new.max_pending = self.most;
        }
        self
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
                if next.elsewhere == Elsewhere::Waits {
                    next.elsewhere = Elsewhere::RanOut;
                }
                Answer::Nothing
            }
            Action::Ask { client } => self.ask(&mut next, client),
            Action::AskElsewhere => self.ask_elsewhere(&mut next),
            Action::WithdrawElsewhere => {
                next.to_mut().elsewhere = Elsewhere::None;
                Answer::Moved
            }
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
}
