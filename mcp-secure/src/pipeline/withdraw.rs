//! Taking a request back. Whoever asked may, for as long as nothing runs; it only takes away.

use serde_json::json;

use super::decide::{DecideRefused, refused_code};
use super::gate::Gate;
use super::record::approval_note;
use crate::approval::{Approval, ApprovalId, Party, State, StateKind, TransitionRefused};
use crate::audit::{Event, Executed, OutcomeNote, Record};
use crate::identity::{Authenticated, Principal};
use crate::store::{Moved, Store, StoreError};

impl Gate {
    /// Takes back what `who` asked for and what has not run: one that waits is `withdrawn`, an approval that was not used is
    /// `void`. What runs, or is over, stays as it is. On record before it counts; the request is returned as it then stands.
    pub(crate) async fn withdraw(
        &self,
        who: &Authenticated,
        id: &ApprovalId,
    ) -> Result<Approval, DecideRefused> {
        let own = Party::from(who.principal());
        let found = match self.own(&own, id).await {
            Ok(found) => found,
            Err(refused) => {
                // Whoever tries ids leaves a trace, as with a decision.
                let tried = Record::new(Event::Approval)
                    .principal(who.principal())
                    .detail(json!({"verdict": "withdraw", "asked_for": id.to_string()}));
                self.not_taken_back(tried, &refused_code(&refused), id);
                return Err(refused);
            }
        };
        if !matches!(found.state, State::Pending | State::Approved { .. }) {
            self.not_taken_back(taking_back(who.principal(), &found), TOO_LATE, id);
            return Ok(self.as_shown(found));
        }
        let attempt = taking_back(who.principal(), &found);
        self.audit.durable(attempt).await.map_err(|_| DecideRefused::Unavailable)?;
        let moved = take_back(&*self.store, id, own, "whoever asked for it took it back").await;
        let made = match moved {
            Ok(Moved::To(approval)) => Ok((approval, WITHDRAWN.to_owned())),
            moved => self.as_it_stands(id, moved).await,
        };
        let (stands, executed, code) = match &made {
            Ok((stands, code)) => (stands, Executed::No, code.clone()),
            Err(refused) => (&found, refused.executed(), refused_code(refused)),
        };
        let ended = taking_back(who.principal(), stands).outcome(OutcomeNote::new(executed, code));
        if let Err(error) = self.audit.durable(ended).await {
            // The attempt is on record already, so the store's answer stands.
            tracing::error!(%error, approval = %id, "the end of a withdrawal could not be recorded");
        }
        made.map(|(stands, _)| self.as_shown(stands))
    }

    /// What became of a request that was not seen to be taken back.
    async fn as_it_stands(
        &self,
        id: &ApprovalId,
        moved: Result<Moved, StoreError>,
    ) -> Result<(Approval, String), DecideRefused> {
        let now = self.store.approval(id).await;
        match (moved, now) {
            // Somebody decided, or it began to run, a moment before.
            (Ok(_), Ok(Some(now))) => Ok((now, TOO_LATE.to_owned())),
            // Or another process holds the store, so nothing was written.
            (Ok(_) | Err(StoreError::Busy), _) => Err(DecideRefused::Unavailable),
            // The answer was lost, and it was carried out or may be yet.
            (Err(_), Ok(Some(now))) if is_gone(&now) => Ok((now, WITHDRAWN.to_owned())),
            (Err(error), _) => {
                tracing::error!(%error, approval = %id, "a withdrawal got no answer from the store");
                Err(DecideRefused::Unknown)
            }
        }
    }

    /// The request called `id`, if this account asked for it, through whichever client.
    async fn own(&self, account: &Party, id: &ApprovalId) -> Result<Approval, DecideRefused> {
        let found = self.store.approval(id).await.map_err(|_| DecideRefused::Unavailable)?;
        let own = found.filter(|found| {
            let asked = &found.requester;
            asked.tenant == account.tenant
                && asked.issuer == account.issuer
                && asked.subject == account.subject
        });
        own.ok_or(DecideRefused::NotFound)
    }

    /// What changed nothing is on record too, and does not wait for it.
    fn not_taken_back(&self, tried: Record, code: &str, id: &ApprovalId) {
        if let Err(error) = self.audit.queued(tried.outcome(OutcomeNote::new(Executed::No, code))) {
            tracing::error!(%error, approval = %id, "a refused withdrawal could not be recorded");
        }
    }
}

/// Makes a request useless for whoever asked for it: one that waits is `withdrawn`, and `void` if people approve it
/// meanwhile.
pub(super) async fn take_back(
    store: &dyn Store,
    id: &ApprovalId,
    by: Party,
    why: &str,
) -> Result<Moved, StoreError> {
    match store.withdraw(id, by).await? {
        Moved::Refused(TransitionRefused::From(StateKind::Approved)) => {
            store.void_approval(id, why).await
        }
        moved => Ok(moved),
    }
}

const fn is_gone(approval: &Approval) -> bool {
    matches!(approval.state, State::Withdrawn { .. } | State::Void { .. })
}

/// It can not be decided on any more, nor run.
const WITHDRAWN: &str = "withdrawn";
/// What is over, or runs, is not taken back.
const TOO_LATE: &str = "too_late";

fn taking_back(who: &Principal, approval: &Approval) -> Record {
    Record::new(Event::Approval)
        .principal(who)
        .tool(approval.tool.as_str())
        .approval(approval_note(approval))
        .detail(json!({"verdict": "withdraw"}))
}
