//! Stages 5 and 8: take a slot, then commit to running. After this the body runs once, and its record says that it may.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::approve::{Approved, effect, expired, unavailable};
use super::authorise::Permitted;
use super::execute::gave_up;
use super::gate::Gate;
use super::record::{Trail, unrecordable};
use super::refusal::{Code, Refusal};
use super::rollback::not_undone;
use super::table::Served;
use super::witness::Clearance;
use crate::approval::{ApprovalId, Party, StateKind};
use crate::audit::{Executed, Reservation};
use crate::canon::Digest;
use crate::store::{CommitRefused, Committed, Fence, NewRun, RunId};
use crate::tool::{Caller, Enter};

/// A call with nothing left between it and its body but the record and the store.
pub(super) struct Ready {
    pub(super) caller: Caller,
    pub(super) cancelled: CancellationToken,
    pub(super) body: Enter,
    pub(super) effect: Digest,
    /// The request whose approval it consumes.
    pub(super) approval: Option<ApprovalId>,
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
        let Approved { permitted, approval, .. } = approved;
        let effect = effect(tool, &permitted)?;
        let Permitted { caller, cancelled, prepared, arguments, .. } = permitted;
        let keep = tool.spec.rollback.map(|_| arguments);
        let purpose = Purpose::Call { keep };
        Ok(Self { caller, cancelled, body: prepared.body(), effect, approval, purpose })
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
    /// Stage 5. The slot is held until the call has ended.
    pub(super) fn limit(tool: &Served) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&tool.slots).try_acquire_owned().map_err(|_| {
            let mut refusal =
                Refusal::new(Code::RateLimited, "too many calls of this tool run at once")
                    .remedy("call again a little later");
            refusal.retry_after_ms = Some(1000);
            refusal
        })
    }

    /// Stage 8. The intent is durable before the approval is consumed, and both before the body runs: a crash in
    /// between leaves an intent without a running row, which means that nothing ran.
    pub(super) async fn commit(
        &self,
        tool: &Served,
        ready: Ready,
        trail: &mut Trail,
    ) -> Result<Running, Refusal> {
        let Ready { caller, cancelled, body, effect, approval, purpose } = ready;
        let given_up = || cancelled.is_cancelled().then(|| gave_up(Executed::No));
        if let Some(refusal) = given_up() {
            return Err(refusal);
        }
        let run = RunId::random();
        trail.run(&run.to_string());
        let room = self.audit.reserve_outcome().map_err(|error| unrecordable(&error))?;
        self.audit.durable(trail.intent()).await.map_err(|error| unrecordable(&error))?;
        // The disk may have been slow. Nothing has begun, so a caller who gave up keeps the approval.
        if let Some(refusal) = given_up() {
            return Err(refusal);
        }
        let committed = self
            .store
            .commit_run(NewRun {
                run_id: run,
                request_id: trail.request_id().to_string(),
                tool: tool.spec.name.to_owned(),
                effect,
                caller: Party::from(&*caller.principal),
                mutating: true,
                approval: approval.map(|id| (id, effect)),
                idempotency: None,
                compensates: match purpose {
                    Purpose::Rollback { of } => Some(of),
                    Purpose::Call { .. } => None,
                },
                lease_ms: self.lease_ms(),
            })
            .await
            .map_err(|error| unavailable(&error))?;
        match committed {
            Committed::Running { fence, .. } => {
                let clearance = Clearance::grant();
                Ok(Running { clearance, body, caller, run, fence, purpose, room })
            }
            Committed::Refused(why) => Err(self.not_committed(why, approval.as_ref()).await),
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
                | CommitRefused::ApprovalNotApproved(StateKind::Running | StateKind::Done),
                _,
            ) => Refusal::new(Code::InProgress, "this very call is running")
                .executed(Executed::Unknown)
                .remedy("call again with the same arguments to hear how it ended"),
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
