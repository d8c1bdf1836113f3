//! A person's decision. It never comes through a tool call: a model has no way here.

use serde_json::{Map, Value, json};

use super::authorise::{loaded, policy_note};
use super::gate::Gate;
use super::record::approval_note;
use super::table::Served;
use crate::approval::{Approval, ApprovalId, Party, StateKind, Verdict, Vote, VoteRefused};
use crate::audit::{Event, Executed, OutcomeNote, Record};
use crate::canon::Digest;
use crate::context::CallContext;
use crate::identity::{Authenticated, Principal};
use crate::policy::{Act, same_tenant};
use crate::store::{Decided, StoreError};
use crate::tool::Caller;

/// A decision that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionMade {
    /// The request as it stands now; more people may be needed.
    pub approval: Approval,
}

/// Why a decision does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecideRefused {
    /// There is no such request for this person.
    #[error("there is no such request, or you may not decide it")]
    NotFound,
    /// The vote does not count.
    #[error(transparent)]
    Vote(#[from] VoteRefused),
    /// Policy does not let this person decide.
    #[error("policy does not let you decide this; it takes the permission `{0}`")]
    NotPermitted(String),
    /// The tool has changed since the request was made.
    #[error("the tool has changed since this was asked for; the call has to be made again")]
    Changed,
    /// The record or the store can not be written.
    #[error("the decision can not be written down, so it does not count; try again later")]
    Unavailable,
    /// The store did not answer, and may have counted it all the same.
    #[error(
        "whether this counts is not known: the store does not answer; look again at the request"
    )]
    Unknown,
}

impl DecideRefused {
    /// Whether what was tried may stand all the same.
    pub(super) const fn executed(&self) -> Executed {
        match self {
            Self::Unknown => Executed::Unknown,
            _ => Executed::No,
        }
    }
}

impl Gate {
    /// The request called `id` as it is shown, if `who` may see it.
    pub(crate) async fn approval_for(
        &self,
        who: &Authenticated,
        id: &ApprovalId,
    ) -> Result<Approval, DecideRefused> {
        self.seen_by(who, id).await.map(|approval| self.as_shown(approval))
    }

    /// The request called `id` as the store has it, if `who` may see it.
    pub(super) async fn seen_by(
        &self,
        who: &Authenticated,
        id: &ApprovalId,
    ) -> Result<Approval, DecideRefused> {
        let found = self.store.approval(id).await.map_err(|_| DecideRefused::Unavailable)?;
        found.filter(|found| self.shows(who.principal(), found)).ok_or(DecideRefused::NotFound)
    }

    pub(super) fn shows(&self, who: &Principal, approval: &Approval) -> bool {
        let asked = &approval.requester;
        same_tenant(&asked.tenant, &who.tenant)
            && ((asked.issuer == who.issuer && asked.subject == who.subject)
                || self.policy.could_permit(who, Act::Decide, &approval.tool))
    }

    /// A request as people get it. In place of the digest of its effect there is one that the key of the record seals: the
    /// bare one covers what is masked, and who sees all the rest could find a short input by trying.
    pub(crate) fn as_shown(&self, approval: Approval) -> Approval {
        let effect = self.shown_digest(&approval);
        Approval { effect, ..approval }
    }

    fn shown_digest(&self, approval: &Approval) -> Digest {
        let sealed = self.audit.key().seal(&approval.requester.tenant, &approval.effect);
        // Without a key nothing can be sealed: then the id stands in, which says nothing of the call.
        sealed.unwrap_or_else(|| Digest::of_bytes(approval.id.to_string().as_bytes()))
    }

    /// The effect that was shown under `digest`. Anything else stands for no request at all, and the store says so.
    fn meant(&self, approval: &Approval, digest: Digest) -> Digest {
        if self.shown_digest(approval) == digest { approval.effect } else { Digest::of_bytes(&[]) }
    }

    /// Counts a person's vote on the request called `id`, as it was shown to that person under `digest`.
    pub(crate) async fn decide(
        &self,
        decider: &Authenticated,
        id: &ApprovalId,
        digest: Digest,
        verdict: Verdict,
        reason: Option<String>,
    ) -> Result<DecisionMade, DecideRefused> {
        let who = decider.principal();
        let approval = match self.seen_by(decider, id).await {
            Ok(approval) => approval,
            Err(refused) => {
                // Whoever tries ids leaves a trace too.
                let tried = Record::new(Event::Decision)
                    .principal(who)
                    .detail(json!({"verdict": word(verdict), "asked_for": id.to_string()}))
                    .outcome(OutcomeNote::new(Executed::No, refused_code(&refused)));
                if let Err(error) = self.audit.queued(tried) {
                    tracing::error!(%error, approval = %id, "a refused decision could not be recorded");
                }
                return Err(refused);
            }
        };
        let made = self.weigh(who, &approval, digest, verdict, reason).await;
        let (state, code) = match &made {
            Ok(made) => (&made.approval, "decided".to_owned()),
            Err(refused) => (&approval, refused_code(refused)),
        };
        let executed = made.as_ref().map_or_else(DecideRefused::executed, |_| Executed::Yes);
        let ended = decision(who, state, digest, verdict).outcome(OutcomeNote::new(executed, code));
        if made.as_ref().is_ok_and(|made| made.approval.state.kind() != StateKind::Pending) {
            // Nobody may be listening.
            drop(self.decided.send(*id));
        }
        if let Err(error) = self.audit.durable(ended).await {
            // The attempt is on record already, so the store's answer stands.
            tracing::error!(%error, approval = %id, "the end of a decision could not be recorded");
        }
        made
    }

    async fn weigh(
        &self,
        who: &Principal,
        approval: &Approval,
        digest: Digest,
        verdict: Verdict,
        reason: Option<String>,
    ) -> Result<DecisionMade, DecideRefused> {
        let tool = self.table.tool(&approval.tool).ok_or(DecideRefused::Changed)?;
        if tool.contract != approval.contract {
            return Err(DecideRefused::Changed);
        }
        let note = self.may_decide(who, tool, approval).await?;
        let attempt = decision(who, approval, digest, verdict).policy(note.clone());
        self.audit.durable(attempt).await.map_err(|_| DecideRefused::Unavailable)?;
        let voter = Party::from(who);
        let vote =
            Vote { voter: voter.clone(), verdict, reason, policy: Some(note.ids.join(", ")) };
        match self.store.decide(&approval.id, self.meant(approval, digest), vote).await {
            Ok(Decided::Counted(approval)) => {
                Ok(DecisionMade { approval: self.as_shown(approval) })
            }
            Ok(Decided::Refused(VoteRefused::NotFound)) => Err(DecideRefused::NotFound),
            Ok(Decided::Refused(why)) => Err(DecideRefused::Vote(why)),
            // Another process holds the store, so nothing was written.
            Err(StoreError::Busy) => Err(DecideRefused::Unavailable),
            Err(error) => {
                tracing::error!(%error, approval = %approval.id, "a decision got no answer from the store");
                self.counted(approval, &voter, verdict).await.ok_or(DecideRefused::Unknown)
            }
        }
    }

    /// The decision whose answer was lost, if the store has counted it. One that it has not may still be on its way.
    async fn counted(
        &self,
        before: &Approval,
        voter: &Party,
        verdict: Verdict,
    ) -> Option<DecisionMade> {
        let has_voted = |approval: &Approval| {
            approval.votes.iter().any(|vote| {
                vote.issuer == voter.issuer
                    && vote.subject == voter.subject
                    && vote.client == voter.client
                    && vote.verdict == verdict
            })
        };
        let now = self.store.approval(&before.id).await.ok().flatten()?;
        (!has_voted(before) && has_voted(&now))
            .then(|| DecisionMade { approval: self.as_shown(now) })
    }

    pub(super) async fn may_decide(
        &self,
        who: &Principal,
        tool: &Served,
        approval: &Approval,
    ) -> Result<crate::audit::PolicyNote, DecideRefused> {
        let verdict = self.ruled(who, Act::Decide, tool, approval).await?;
        let note = policy_note(&verdict);
        if verdict.is_permit() {
            return Ok(note);
        }
        let refused = Record::new(Event::Decision)
            .principal(who)
            .tool(tool.spec.name)
            .approval(approval_note(approval))
            .policy(note)
            .outcome(OutcomeNote::new(Executed::No, "permission_denied"));
        self.audit.durable(refused).await.map_err(|_| DecideRefused::Unavailable)?;
        Err(DecideRefused::NotPermitted(approval.by.clone()))
    }

    /// The resources of the call that is decided on, loaded again as they are now.
    pub(super) async fn resources_of(
        &self,
        who: &Principal,
        tool: &Served,
        arguments: &Map<String, Value>,
    ) -> Result<Vec<crate::resource::LoadedResource>, DecideRefused> {
        let prepared = tool.bound.prepare(arguments).map_err(|_| DecideRefused::Changed)?;
        let caller = Caller {
            principal: std::sync::Arc::new(who.clone()),
            context: CallContext::new(
                "decision".into(),
                tokio_util::sync::CancellationToken::new(),
                None,
            ),
        };
        loaded(tool, &caller, &*prepared).await.map_err(|_| DecideRefused::NotFound)
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approve",
        Verdict::Deny => "deny",
    }
}

fn decision(who: &Principal, approval: &Approval, digest: Digest, verdict: Verdict) -> Record {
    let mut record = Record::new(Event::Decision)
        .principal(who)
        .tool(approval.tool.as_str())
        .approval(approval_note(approval))
        .detail(json!({"verdict": word(verdict), "shown": digest}));
    record.resource = approval
        .resource
        .as_array()
        .map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
    record
}

pub(super) fn refused_code(refused: &DecideRefused) -> String {
    match refused {
        DecideRefused::NotFound => "not_found",
        DecideRefused::Vote(_) => "vote_refused",
        DecideRefused::NotPermitted(_) => "permission_denied",
        DecideRefused::Changed => "tool_changed",
        DecideRefused::Unavailable => "unavailable",
        DecideRefused::Unknown => "unknown",
    }
    .to_owned()
}
