//! Stage 8: commit to running. After this the body runs once, and its record says that it may.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::approve::{Approved, effect, expired, unavailable};
use super::authorise::Permitted;
use super::execute::gave_up;
use super::gate::Gate;
use super::idempotency::{kept_refusal, met, running};
use super::record::{Trail, unrecordable};
use super::refusal::{Code, Refusal};
use super::resume::in_doubt;
use super::rollback::not_undone;
use super::table::Served;
use super::witness::Clearance;
use crate::approval::{ApprovalId, Party, StateKind};
use crate::audit::{Executed, Reservation};
use crate::canon::Digest;
use crate::identity::Principal;
use crate::store::{
    CommitRefused, Committed, Fence, Finished, NewKey, NewRun, Renewed, RunId, RunResult, Store,
    StoreError,
};
use crate::tool::{Caller, Enter};

/// How long a call waits for its running row.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

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

/// A call that stopped on its way to running.
pub(super) struct Stopped {
    pub(super) refusal: Refusal,
    /// The room its intent reserved: what is on record as intended is on record as refused.
    pub(super) room: Option<Reservation>,
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, room: None }
    }
}

/// A call that has to run now: its intent is on disk, its running row is written, its approval is consumed.
pub(super) struct Running {
    pub(super) clearance: Clearance,
    pub(super) body: Enter,
    pub(super) caller: Caller,
    /// Tells the body that nobody waits for it, or that it has lost its lease.
    pub(super) cancelled: CancellationToken,
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
    ) -> Result<Running, Stopped> {
        let Ready { caller, cancelled, body, effect, approval, key, purpose } = ready;
        let given_up = || cancelled.is_cancelled().then(|| gave_up(Executed::No));
        if let Some(refusal) = given_up() {
            return Err(refusal.into());
        }
        let run = RunId::random();
        let wanted = key;
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
        // What may have changed meanwhile: the disk may have been slow, and nothing has begun.
        let switched_off = || self.switched_on(tool, &caller.principal).err();
        let called_off = || given_up().or_else(switched_off);
        let consumes = approval.is_some();
        let intent = self.audit.durable(trail.intent());
        // The lease began no earlier than this.
        let asked = Instant::now();
        let (recorded, committed) = if consumes {
            // An approval is used up for good, so nothing is committed that could not be recorded or was called off.
            let recorded = intent.await;
            match (recorded.is_ok(), called_off()) {
                (true, None) => (recorded, Ok(self.begin_run(new).await)),
                (_, refusal) => (recorded, Err(refusal)),
            }
        } else {
            let (recorded, committed) = tokio::join!(intent, self.begin_run(new));
            (recorded, Ok(committed))
        };
        let unrecorded = recorded.err().map(|error| unrecordable(&error));
        let committed = match committed {
            Ok(committed) => committed,
            Err(refusal) => {
                let refusal = unrecorded.or(refusal).unwrap_or_else(|| gave_up(Executed::No));
                return Err(Stopped { refusal, room: Some(room) });
            }
        };
        // A caller who gives up after the approval is used up gets what it was used for; a switch stops that too.
        let refused = unrecorded.or_else(|| if consumes { switched_off() } else { called_off() });
        let fence = match (refused, committed) {
            (None, Ok(Committed::Running { fence, .. })) => fence,
            (None, Ok(Committed::Refused(why))) => {
                let refusal = match (why, wanted) {
                    (CommitRefused::KeyTaken, Some(key)) => {
                        self.outrun(&caller.principal, key).await
                    }
                    (why, _) => self.not_committed(why, approval.as_ref()).await,
                };
                return Err(Stopped { refusal, room: Some(room) });
            }
            (None, Err(error)) => {
                return Err(Stopped { refusal: unavailable(&error), room: Some(room) });
            }
            (Some(refusal), Ok(Committed::Running { fence, .. })) => {
                give_back(&*self.store, &run, fence, &refusal).await;
                return Err(Stopped { refusal, room: Some(room) });
            }
            (Some(refusal), _) => return Err(Stopped { refusal, room: Some(room) }),
        };
        if let Err(refusal) = self.still_leased(&run, fence, asked).await {
            return Err(Stopped { refusal, room: Some(room) });
        }
        let clearance = Clearance::grant();
        Ok(Running { clearance, body, caller, cancelled, run, fence, purpose, room })
    }

    /// Writes the running row, but does not wait for ever for a store that hangs. What it writes after that is ended by
    /// whoever waits for it then: no body has begun.
    async fn begin_run(&self, new: NewRun) -> Result<Committed, StoreError> {
        let (run, store) = (new.run_id, Arc::clone(&self.store));
        let mut beginning = Box::pin(async move { store.commit_run(new).await });
        if let Ok(begun) = tokio::time::timeout(BEGIN_WITHIN, &mut beginning).await {
            return begun;
        }
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            if let Ok(Committed::Running { fence, .. }) = beginning.await {
                let why = StoreError::Unavailable("it was too slow to begin".to_owned());
                give_back(&*store, &run, fence, &unavailable(&why)).await;
            }
        });
        Err(StoreError::Unavailable("the store does not answer".to_owned()))
    }

    /// Makes sure that the lease outlasts the start of the body: a store or a disk may have kept the call waiting for so
    /// long that the run counts as lost already, and may have begun anew elsewhere.
    async fn still_leased(&self, run: &RunId, fence: Fence, asked: Instant) -> Result<(), Refusal> {
        if asked.elapsed() < self.settings.lease / 2 {
            return Ok(());
        }
        match self.store.renew(run, fence, self.lease_ms()).await {
            Ok(Renewed::Until(_)) => Ok(()),
            // Another process may have put it in doubt. This one knows better, and says so where it can.
            Ok(Renewed::Lost) | Err(_) => {
                let refusal = too_late();
                let given_back = give_back(&*self.store, run, fence, &refusal).await;
                Err(if given_back { refusal } else { lost() })
            }
        }
    }

    pub(super) fn lease_ms(&self) -> u64 {
        u64::try_from(self.settings.lease.as_millis()).unwrap_or(u64::MAX)
    }

    /// Another call took the key a moment before. Whose that is, and what for, decides what this one hears.
    async fn outrun(&self, principal: &Principal, key: NewKey) -> Refusal {
        match self.store.idempotent(&key.key).await {
            Ok(Some(found)) => met(principal, key, found).err().unwrap_or_else(again),
            // It had no effect and gave the key back already.
            Ok(None) => again(),
            Err(error) => unavailable(&error),
        }
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
            ) => running(),
            (CommitRefused::ApprovalNotApproved(StateKind::InDoubt), _) => in_doubt(),
            (why, _) => {
                Refusal::new(Code::ApprovalRequired, "the approval of this call no longer holds")
                    .remedy("call again with the same arguments")
                    .internal(why)
            }
        }
    }
}

/// Ends a run that was committed and will not begin, in doubt or not, and says whether that stands. What can not be given
/// back is in doubt when its lease lapses.
async fn give_back(store: &dyn Store, run: &RunId, fence: Fence, why: &Refusal) -> bool {
    let error = why.code.as_str().to_owned();
    let nothing = RunResult::NeverBegan { error, answer: Some(kept_refusal(why)) };
    match store.finish_run(run, fence, nothing).await {
        Ok(finished) => finished == Finished::Recorded,
        Err(error) => {
            tracing::error!(%error, "a run that never began could not be ended; it will be in doubt");
            false
        }
    }
}

/// The store or the disk was too slow, and nothing ran.
fn too_late() -> Refusal {
    Refusal::new(
        Code::AuditUnavailable,
        "the call waited too long to begin, so it was not carried out",
    )
    .remedy("call again with the same arguments")
    .retry_after(Duration::from_secs(1))
}

/// The same, and somebody has put the run in doubt already.
fn lost() -> Refusal {
    Refusal::new(Code::InDoubt, "the call waited too long to begin, and now counts as lost").remedy(
        "call again with the same arguments; where it stays in doubt a person has to resolve it",
    )
}

/// The same call ended between two looks at its key. This one did not run; the next one hears how it ended.
fn again() -> Refusal {
    running().executed(Executed::No).retry_after(Duration::from_millis(100))
}
