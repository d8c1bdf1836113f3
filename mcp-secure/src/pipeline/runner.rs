//! The server goes on by itself with what people approved and a client waits for as a task, where somebody vouches for
//! whoever asked. See [`Refresh`].
//!
//! Every serving process looks. What is decided in this process is gone on with at once, what is decided elsewhere within
//! a moment. Several may meet at one request; the store lets one of them run it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::MissedTickBehavior;

use super::call::Transport;
use super::gate::Gate;
use super::record::approval_note;
use super::tasks::{Calling, Who, as_approved};
use crate::approval::{Approval, ApprovalId, StateKind};
use crate::audit::{Event, Executed, OutcomeNote, Record};
use crate::clock::Timestamp;
use crate::identity::{Refresh, vouched};
use crate::store::ApprovalFilter;

/// How often it is looked for what was decided elsewhere.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How many requests one look reads. Where there are more, the next looks go on from there.
const PAGE: u32 = 100;
/// How many are run at once, so that they leave room for callers.
const AT_ONCE: usize = 16;
/// How long one that could not be run is left, at most.
const AGAIN: Duration = Duration::from_secs(300);

impl Gate {
    /// Goes on with approved tasks for as long as the gate is there.
    pub(crate) fn run_approved(self: &Arc<Self>, refresh: Arc<dyn Refresh>) {
        if !self.asks_people(None) {
            return;
        }
        let runner = Runner {
            gate: Arc::downgrade(self),
            refresh,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        };
        tokio::spawn(runner.run(self.decided.subscribe()));
    }
}

struct Runner {
    gate: Weak<Gate>,
    refresh: Arc<dyn Refresh>,
    slots: Arc<Semaphore>,
}

impl Runner {
    async fn run(self, mut decided: broadcast::Receiver<ApprovalId>) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Where the last look stopped that did not reach the end.
        let mut after = None;
        loop {
            let decided = tokio::select! {
                decided = decided.recv() => Some(decided),
                _ = looks.tick() => None,
            };
            let Some(gate) = self.gate.upgrade() else { return };
            if gate.running.is_closed() {
                return;
            }
            match decided {
                Some(Ok(id)) => {
                    if let Ok(Some(found)) = gate.store.approval(&id).await {
                        self.begin(&gate, &found);
                    }
                }
                // Too many to hear of each, which the next look makes good; or the gate is going.
                Some(Err(_)) => {}
                None => after = self.look(&gate, after).await,
            }
        }
    }

    /// Begins what was approved, and says where to go on.
    async fn look(
        &self,
        gate: &Arc<Gate>,
        after: Option<(Timestamp, ApprovalId)>,
    ) -> Option<(Timestamp, ApprovalId)> {
        let filter = ApprovalFilter {
            state: Some(StateKind::Approved),
            tasks: true,
            after,
            ..ApprovalFilter::default()
        };
        let found = match gate.store.approvals(filter, PAGE).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%error, "what was approved can not be looked up");
                return after;
            }
        };
        for approval in &found {
            if !self.begin(gate, approval) {
                // No room: the rest of this page is looked at again.
                return after;
            }
        }
        let whole = u32::try_from(found.len()).is_ok_and(|found| found < PAGE);
        found.last().filter(|_| !whole).map(|last| (last.created, last.id))
    }

    /// Begins one, unless it is no task, or was approved for another version of its tool: a server that has that one may be
    /// there. False where there is no room.
    fn begin(&self, gate: &Arc<Gate>, found: &Approval) -> bool {
        let approved = found.state.kind() == StateKind::Approved;
        if !found.task || !approved || !gate.is_as_approved(found) {
            return true;
        }
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else { return false };
        let vouching =
            Vouching { gate: Weak::clone(&self.gate), refresh: Arc::clone(&self.refresh), slot };
        drop(gate.go_on(found, AGAIN, Who::Vouched(vouching)));
        true
    }
}

/// Somebody to ask about a requester, and a place among those that run.
pub(super) struct Vouching {
    gate: Weak<Gate>,
    refresh: Arc<dyn Refresh>,
    slot: OwnedSemaphorePermit,
}

impl Vouching {
    /// The approved call as its requester is today.
    pub(super) fn calling(self, found: &Approval) -> Calling {
        let found = found.clone();
        Box::pin(async move {
            let vouched = vouched(&*self.refresh, &found.requester).await;
            if let (Err(why), Some(gate)) = (&vouched, self.gate.upgrade()) {
                tracing::warn!(approval = %found.id, %why, "nobody vouches for who asked, so it is left to them");
                let refused = Record::new(Event::Refusal)
                    .transport(Transport::Task.as_str())
                    .tool(found.tool.as_str())
                    .approval(approval_note(&found))
                    .outcome(
                        OutcomeNote::new(Executed::No, "not_vouched_for").error(why.to_string()),
                    );
                if let Err(error) = gate.audit.queued(refused) {
                    tracing::error!(%error, approval = %found.id, "a refusal could not be recorded");
                }
            }
            let caller = vouched.map_err(|_| "nobody vouches for its requester now".to_owned())?;
            Ok((as_approved(caller, Transport::Task, &found), Some(self.slot)))
        })
    }
}
