//! Stage 8: commit to running. After this the body runs once, and its record says that it may.

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::approve::{Approved, effect, expired, unavailable};
use super::authorise::Permitted;
use super::execute::gave_up;
use super::gate::Gate;
use super::idempotency::running;
use super::record::{Trail, unrecordable};
use super::refusal::{Code, Refusal};
use super::rollback::not_undone;
use super::table::Served;
use super::witness::Clearance;
use crate::approval::{ApprovalId, Party, StateKind};
use crate::audit::{Executed, Reservation};
use crate::canon::Digest;
use crate::store::{CommitRefused, Committed, Fence, NewKey, NewRun, RunId, RunResult};
use crate::tool::{Caller, Enter};

/// A call with nothing left between it and its body but the record and the store.
pub(super) struct Ready {
    pub(super) caller: Caller,
    pub(super) cancelled: CancellationToken,
    pub(super) body: Enter,
    pub(super) effect: Digest,
    /// The request whose approval it consumes.
    pub(super) approval: Option<ApprovalId>,
    /// The idempotency key it will hold.
    pub(super) key: Option<NewKey>,
    pub(super) purpose: Purpose,
}

/// What a run is for.
pub(super) enum Purpose {
    /// What the tool does. With its arguments, where it can be taken back.
    Call { keep: Option<Map<String, Value>> },
    /// Taking back what this run did.
    Rollback { of: RunId },
}

impl Ready {
    pub(super) fn of(tool: &Served, approved: Approved) -> Result<Self, Refusal> {
        let Approved { permitted, approval, key, .. } = approved;
        let effect = effect(tool, &permitted)?;
        let Permitted { caller, cancelled, prepared, arguments, .. } = permitted;
        let keep = tool.spec.rollback.map(|_| arguments);
        let purpose = Purpose::Call { keep };
        Ok(Self { caller, cancelled, body: prepared.body(), effect, approval, key, purpose })
    }
}

/// A call that has to run now: its intent is on disk, its running row is written, its approval is consumed.
pub(super) struct Running {
    pub(super) clearance: Clearance,
    pub(super) body: Enter,
    pub(super) caller: Caller,
    pub(super) run: RunId,
    pub(super) fence: Fence,
    pub(super) purpose: Purpose,
    /// The room in the record that the intent reserved for the outcome.
    pub(super) room: Reservation,
}

impl Gate {
    /// Stage 8. The intent is durable before the approval is consumed, and both before the body runs: a crash in
    /// between leaves an intent without a running row, which means that nothing ran.
    pub(super) async fn commit(
        &self,
        tool: &Served,
        ready: Ready,
        trail: &mut Trail,
    ) -> Result<Running, Refusal> {
        let Ready { caller, cancelled, body, effect, approval, key, purpose } = ready;
        let given_up = || cancelled.is_cancelled().then(|| gave_up(Executed::No));
        if let Some(refusal) = given_up() {
            return Err(refusal);
        }
        let run = RunId::random();
        trail.run(&run.to_string());
        let room = self.audit.reserve_outcome().map_err(|error| unrecordable(&error))?;
        let new = NewRun {
            run_id: run,
            request_id: trail.request_id().to_string(),
            tool: tool.spec.name.to_owned(),
            effect,
            caller: Party::from(&*caller.principal),
            mutating: true,
            approval: approval.map(|id| (id, effect)),
            idempotency: key,
            compensates: match purpose {
                Purpose::Rollback { of } => Some(of),
                Purpose::Call { .. } => None,
            },
            lease_ms: self.lease_ms(),
        };
        let intent = self.audit.durable(trail.intent());
        let (recorded, committed) = if approval.is_some() {
            // An approval is used up for good, so nothing is committed that could not be recorded.
            let recorded = intent.await;
            if recorded.is_ok() && !cancelled.is_cancelled() {
                (recorded, Some(self.store.commit_run(new).await))
            } else {
                (recorded, None)
            }
        } else {
            let (recorded, committed) = tokio::join!(intent, self.store.commit_run(new));
            (recorded, Some(committed))
        };
        let unrecorded = recorded.err().map(|error| unrecordable(&error));
        // The disk may have been slow. Nothing has begun, so a caller who gave up has changed nothing.
        let refused = unrecorded.or_else(given_up);
        let committed = match (refused, committed) {
            (None, Some(committed)) => committed.map_err(|error| unavailable(&error))?,
            (Some(refusal), Some(Ok(Committed::Running { fence, .. }))) => {
                self.give_back(&run, fence, refusal.code).await;
                return Err(refusal);
            }
            (Some(refusal), _) => return Err(refusal),
            (None, None) => return Err(gave_up(Executed::No)),
        };
        match committed {
            Committed::Running { fence, .. } => {
                let clearance = Clearance::grant();
                Ok(Running { clearance, body, caller, run, fence, purpose, room })
            }
            Committed::Refused(why) => Err(self.not_committed(why, approval.as_ref()).await),
        }
    }

    /// Ends a run that was committed and will not begin. What can not be given back is in doubt when its lease lapses.
    async fn give_back(&self, run: &RunId, fence: Fence, why: Code) {
        let nothing = RunResult::NoEffect { error: why.as_str().to_owned() };
        if let Err(error) = self.store.finish_run(run, fence, nothing).await {
            tracing::error!(%error, "a run that never began could not be ended; it will be in doubt");
        }
    }

    pub(super) fn lease_ms(&self) -> u64 {
        u64::try_from(self.settings.lease.as_millis()).unwrap_or(u64::MAX)
    }

    /// Another call was quicker, or the approval is no longer what it was a moment ago.
    async fn not_committed(&self, why: CommitRefused, approval: Option<&ApprovalId>) -> Refusal {
        let found = match approval {
            Some(id) => self.store.approval(id).await.ok().flatten(),
            None => None,
        };
        match (why, found) {
            (CommitRefused::ApprovalExpired, Some(found)) => expired(&found),
            (CommitRefused::RollbackRefused(why), _) => not_undone(why),
            (
                CommitRefused::AlreadyRunning
                | CommitRefused::KeyTaken
                | CommitRefused::ApprovalNotApproved(StateKind::Running | StateKind::Done),
                _,
            ) => running(),
            (CommitRefused::ApprovalNotApproved(StateKind::InDoubt), _) => {
                Refusal::new(Code::InDoubt, "this very call began and nobody knows how far it came")
                    .executed(Executed::Unknown)
            }
            (why, _) => {
                Refusal::new(Code::ApprovalRequired, "the approval of this call no longer holds")
                    .remedy("call again with the same arguments")
                    .internal(why)
            }
        }
    }
}
