//! Ending the doubt about a run: a person other than the caller says whether it happened.

use serde_json::json;

use super::authorise::{Asked, policy_note};
use super::gate::Gate;
use super::rollback::cut;
use crate::approval::{Party, VoteRefused};
use crate::audit::{Event, Executed, OutcomeNote, Record};
use crate::identity::{Authenticated, Principal};
use crate::policy::{Act, Requester};
use crate::store::{Resolution, Resolved, RunId, RunRecord, RunState, StoreError};

/// Why what a person says of a run in doubt does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveRefused {
    /// There is no such run for this person.
    #[error("there is no such run, or you may not see it")]
    NotFound,
    /// Nobody doubts it.
    #[error("the run is `{0}`, so there is nothing to resolve")]
    NotInDoubt(RunState),
    /// Nobody could read later why.
    #[error("say why: how you found out what became of it")]
    NoReason,
    /// This person may not say, whatever policy says.
    #[error(transparent)]
    Person(#[from] VoteRefused),
    /// Policy does not let this person say.
    #[error("policy does not let you resolve this; it takes the permission `{0}`")]
    NotPermitted(String),
    /// The tool is gone, and its permission with it.
    #[error("the tool of this run is not served any more")]
    NotServed,
    /// The record or the store can not be written.
    #[error("this can not be written down, so it does not count; try again later")]
    Unavailable,
    /// The store did not answer, and may have written it down all the same.
    #[error("whether this counts is not known: the store does not answer; look again at the run")]
    Unknown,
}

impl ResolveRefused {
    const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "unknown_run",
            Self::NotInDoubt(_) => "not_in_doubt",
            Self::NoReason => "no_reason",
            Self::Person(_) => "vote_refused",
            Self::NotPermitted(_) => "permission_denied",
            Self::NotServed => "not_served",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
        }
    }
}

impl Gate {
    /// Takes down what `who` found out about the run called `id`. On record before it counts.
    pub(crate) async fn resolve(
        &self,
        who: &Authenticated,
        id: &RunId,
        found: Resolution,
        reason: &str,
    ) -> Result<RunRecord, ResolveRefused> {
        let mut note = Record::new(Event::Resolution)
            .principal(who.principal())
            .run_id(id.to_string())
            .detail(json!({"found": word(found), "reason": cut(reason)}));
        let made = self.weigh_resolution(who, id, found, reason, &mut note).await;
        let (executed, code) = match &made {
            Ok(_) => (Executed::Yes, "resolved"),
            Err(unknown @ ResolveRefused::Unknown) => (Executed::Unknown, unknown.code()),
            Err(refused) => (Executed::No, refused.code()),
        };
        if let Err(error) = self.audit.durable(note.outcome(OutcomeNote::new(executed, code))).await
        {
            // Where it counts, the attempt is on record already, and the store's answer stands.
            tracing::error!(%error, run = %id, "the end of a resolution could not be recorded");
        }
        made
    }

    async fn weigh_resolution(
        &self,
        who: &Authenticated,
        id: &RunId,
        found: Resolution,
        reason: &str,
        note: &mut Record,
    ) -> Result<RunRecord, ResolveRefused> {
        let run = self.run_for(who, id).await.map_err(|_| ResolveRefused::Unavailable)?;
        let run = run.ok_or(ResolveRefused::NotFound)?;
        note.tool = Some(run.tool.clone());
        if reason.trim().is_empty() {
            return Err(ResolveRefused::NoReason);
        }
        let tool = self.table.tool(&run.tool).ok_or(ResolveRefused::NotServed)?;
        let verdict = self.judge(
            tool,
            &Asked {
                principal: who.principal(),
                act: Act::Resolve,
                arguments: &serde_json::Map::new(),
                resources: &[],
                requester: Some(&Requester::from(&Principal::from(&run.caller))),
            },
        );
        note.policy = Some(policy_note(&verdict));
        if !verdict.is_permit() {
            let permission = tool.resolve_permission.clone().unwrap_or_default();
            return Err(ResolveRefused::NotPermitted(permission));
        }
        self.audit.durable(note.clone()).await.map_err(|_| ResolveRefused::Unavailable)?;
        match self.store.resolve_run(id, found, Party::from(who.principal())).await {
            Ok(Resolved::To(run)) => Ok(run),
            Ok(Resolved::NotFound) => Err(ResolveRefused::NotFound),
            Ok(Resolved::NotInDoubt(state)) => Err(ResolveRefused::NotInDoubt(state)),
            Ok(Resolved::NotAllowed(why)) => Err(ResolveRefused::Person(why)),
            // Another process holds the store, so nothing was written.
            Err(StoreError::Busy) => Err(ResolveRefused::Unavailable),
            Err(error) => {
                tracing::error!(%error, run = %id, "a resolution got no answer from the store");
                self.resolved(&run, found).await.ok_or(ResolveRefused::Unknown)
            }
        }
    }

    /// The run whose resolution got no answer, if it is no longer in doubt and ended as it was found to have. Otherwise that
    /// may still be on its way.
    async fn resolved(&self, before: &RunRecord, found: Resolution) -> Option<RunRecord> {
        let state = match found {
            Resolution::Done => RunState::Done,
            Resolution::NotDone => RunState::NoEffect,
        };
        let now = self.store.run(&before.run_id).await.ok().flatten()?;
        (before.state == RunState::InDoubt && now.state == state).then_some(now)
    }
}

const fn word(found: Resolution) -> &'static str {
    match found {
        Resolution::Done => "done",
        Resolution::NotDone => "not_done",
    }
}
