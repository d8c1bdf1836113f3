//! Making all requests useless that stand, as after an old copy of the store was put back. It only takes away: whoever
//! wants one of them asks anew.

use std::collections::HashSet;

use serde_json::json;

use super::decide::{DecideRefused, refused_code};
use super::gate::Gate;
use super::record::approval_note;
use super::rollback::cut;
use crate::approval::{Approval, ApprovalId, StateKind};
use crate::audit::{Event, Executed, OutcomeNote, Record};
use crate::clock::Timestamp;
use crate::identity::{Authenticated, Principal};
use crate::store::ApprovalFilter;

/// How many requests are read at once.
const PAGE: u32 = 1000;

/// What became of the requests that stood.
#[derive(Debug, Default)]
pub(crate) struct Voided {
    /// As they stand now: `withdrawn` where people had not decided yet, else `void`.
    pub(crate) gone: Vec<Approval>,
    /// What still stands, since this person may not decide it, and why.
    pub(crate) left: Vec<(ApprovalId, DecideRefused)>,
}

impl Gate {
    /// Voids what stands in the tenant of `who` and was asked for `before`, as far as `who` may decide it. On record
    /// before it counts, and done in one transaction.
    pub(crate) async fn void_standing(
        &self,
        who: &Authenticated,
        before: Option<Timestamp>,
        reason: &str,
    ) -> Result<Voided, String> {
        if reason.trim().is_empty() {
            return Err("say why: nobody could tell later".to_owned());
        }
        let (who, reason) = (who.principal(), cut(reason));
        let mut made = Voided::default();
        let mut ids = Vec::new();
        for approval in self.standing_requests(who, before).await? {
            match self.may_void(who, &approval, &reason).await {
                Ok(()) => ids.push(approval.id),
                Err(DecideRefused::Unavailable) => {
                    return Err(DecideRefused::Unavailable.to_string());
                }
                Err(refused) => made.left.push((approval.id, refused)),
            }
        }
        let gone = self.store.void_approvals(ids, &reason).await;
        made.gone = gone.map_err(|error| error.to_string())?;
        for approval in &made.gone {
            let ended =
                voiding(who, approval, &reason).outcome(OutcomeNote::new(Executed::Yes, "decided"));
            if let Err(error) = self.audit.durable(ended).await {
                // The attempt is on record already, so the store's answer stands.
                tracing::error!(%error, approval = %approval.id, "the end of a decision could not be recorded");
            }
        }
        made.gone = made.gone.into_iter().map(|approval| self.as_shown(approval)).collect();
        Ok(made)
    }

    /// All requests of the tenant that wait or were approved and not used.
    async fn standing_requests(
        &self,
        who: &Principal,
        before: Option<Timestamp>,
    ) -> Result<Vec<Approval>, String> {
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        for state in [StateKind::Pending, StateKind::Approved] {
            let mut after = None;
            loop {
                let (tenant, state) = (Some(who.tenant.clone()), Some(state));
                let filter = ApprovalFilter { tenant, state, before, after, ..Default::default() };
                let page = self.store.approvals(filter, PAGE).await;
                let page = page.map_err(|error| error.to_string())?;
                let Some(last) = page.last() else { break };
                after = Some((last.created, last.id));
                // One that people approve meanwhile is among both.
                found.extend(page.into_iter().filter(|approval| seen.insert(approval.id)));
            }
        }
        Ok(found)
    }

    /// It takes what a decision on the request takes.
    async fn may_void(
        &self,
        who: &Principal,
        approval: &Approval,
        reason: &str,
    ) -> Result<(), DecideRefused> {
        let weighed = match self.table.tool(&approval.tool) {
            Some(tool) => self.may_decide(who, tool, approval).await,
            None => Err(DecideRefused::Changed),
        };
        let attempt = voiding(who, approval, reason);
        let attempt = match &weighed {
            Ok(note) => attempt.policy(note.clone()),
            // That is on record.
            Err(DecideRefused::NotPermitted(_)) => return weighed.map(drop),
            Err(refused) => attempt.outcome(OutcomeNote::new(Executed::No, refused_code(refused))),
        };
        self.audit.durable(attempt).await.map_err(|_| DecideRefused::Unavailable)?;
        weighed.map(drop)
    }
}

fn voiding(who: &Principal, approval: &Approval, reason: &str) -> Record {
    Record::new(Event::Decision)
        .principal(who)
        .tool(approval.tool.as_str())
        .approval(approval_note(approval))
        .detail(json!({"verdict": "void", "reason": reason}))
}
