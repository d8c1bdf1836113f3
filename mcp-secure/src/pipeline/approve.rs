//! Stage 7: a person decides, outside the model's context.
//!
//! A call is bound to its effect: who asks for what, with which arguments, on which resource, under which contract.
//! The same call made again finds the request by that digest, so there is nothing for a model to carry or to forge.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::authorise::{Asked, Permitted};
use super::call::Channel;
use super::gate::Gate;
use super::idempotency::{Kept, running};
use super::record::{Trail, approval_note, unrecordable};
use super::refusal::{Code, Refusal, Standing};
use super::resume::{NOT_KEPT, carried_out, denied, in_doubt};
use super::table::Served;
use super::withdraw::take_back;
use crate::approval::{
    Approval, ApprovalId, Effect, NewApproval, Party, State, Verdict as Vote, masked,
};
use crate::audit::{Audit, AuditError, Record};
use crate::canon::Digest;
use crate::identity::Principal;
use crate::policy::{Act, Requester};
use crate::store::{Moved, NewKey, Requested, Store, StoreError};
use crate::tool::Output;
use crate::tool::spec::ApprovalSpec;

/// How long a client that waits had better leave it before it looks again, in milliseconds: people's decisions are to be
/// seen within a second.
pub(crate) const LOOK_AGAIN_MS: u64 = 400;

/// A call that may run once: permitted, and approved where that is asked for.
pub(super) struct Approved {
    pub(super) permitted: Permitted,
    /// The request whose approval this call consumes.
    pub(super) approval: Option<ApprovalId>,
    /// The idempotency key it will hold.
    pub(super) key: Option<NewKey>,
    /// The answer of the same call before; nothing runs then.
    pub(super) replay: Option<Output>,
}

impl Gate {
    pub(super) async fn approve(
        &self,
        tool: &Served,
        permitted: Permitted,
        resumed: Option<ApprovalId>,
        key: Option<NewKey>,
        trail: &mut Trail,
    ) -> Result<Approved, Refusal> {
        let Some(rule) = tool.spec.approval else {
            return Ok(Approved { permitted, approval: None, key, replay: None });
        };
        // Boxed: the future of every call would make room for it.
        Box::pin(self.approved(tool, rule, permitted, resumed, key, trail)).await
    }

    async fn approved(
        &self,
        tool: &Served,
        rule: ApprovalSpec,
        permitted: Permitted,
        resumed: Option<ApprovalId>,
        key: Option<NewKey>,
        trail: &mut Trail,
    ) -> Result<Approved, Refusal> {
        let (mut replay, mut approval) = (None, None);
        let effect = effect(tool, &permitted)?;
        // What stands is looked up first: a predicate that changed its mind does not undo a person's no.
        let found = match self.standing(&effect).await? {
            Some(found) if resumed.is_none_or(|id| id == found.id) => {
                trail.approval(&found);
                self.picked_up(tool, &permitted, found)?
            }
            Some(_) | None => PickUp::AskAnew,
        };
        // Whoever goes on with a request hears what became of that one; nobody is asked, and nothing runs without it.
        if let (PickUp::AskAnew, Some(id)) = (&found, resumed) {
            return Err(self.no_longer(&id, trail).await);
        }
        match found {
            PickUp::Run(found) => {
                self.still_as_shown(tool, &permitted, &found, trail).await?;
                approval = Some(found.id);
            }
            PickUp::Replay(output) => replay = Some(output),
            PickUp::Void(found, person) => {
                let why = format!("policy no longer lets `{person}` decide");
                let reason = "an approval of this call no longer counts";
                return Err(void(self, &found, &why, reason).await);
            }
            PickUp::AskAnew if self.needs_approval(tool, &permitted).await => {
                return Err(self.ask(tool, rule, &permitted, effect, trail).await);
            }
            PickUp::AskAnew => {}
        }
        Ok(Approved { permitted, approval, key, replay })
    }

    /// Whether a person has to decide on this call. A predicate that fails or takes too long means yes.
    async fn needs_approval(&self, tool: &Served, permitted: &Permitted) -> bool {
        let asking = permitted.prepared.needs_approval(&permitted.arguments, &permitted.caller);
        let Some(asking) = asking else { return true };
        let limit = std::time::Duration::from_millis(tool.spec.limits.timeout_ms);
        // A panic in it counts as a failure, and one that takes too long is dropped.
        let answer = tokio::time::timeout(limit, AssertUnwindSafe(asking).catch_unwind()).await;
        !matches!(answer, Ok(Ok(Ok(false))))
    }

    async fn standing(&self, effect: &Digest) -> Result<Option<Approval>, Refusal> {
        self.store.approval_for(effect).await.map_err(|error| unavailable(&error))
    }

    /// What a request that is already there means for this call.
    fn picked_up(
        &self,
        tool: &Served,
        permitted: &Permitted,
        found: Approval,
    ) -> Result<PickUp, Refusal> {
        let held = found.is_held_by(&Party::from(&*permitted.caller.principal));
        match &found.state {
            State::Pending => {
                let reason = "a person has to approve this call and has not decided yet";
                Err(self.required(tool, permitted, &found, Fresh::No, reason))
            }
            State::Approved { .. } => {
                if !held {
                    let reason =
                        "this call was asked for through another client, which alone can run it";
                    return Err(self.required(tool, permitted, &found, Fresh::No, reason));
                }
                if let Some(person) = self.withdrawn_vote(tool, permitted, &found) {
                    return Ok(PickUp::Void(Box::new(found), person));
                }
                Ok(PickUp::Run(Box::new(found)))
            }
            State::Running { .. } => Err(running().about(&found)),
            State::InDoubt { .. } => Err(in_doubt().about(&found)),
            State::Denied { reason, .. } => Err(denied(reason.as_deref()).about(&found)),
            State::Done { .. } if !held => {
                let elsewhere = "this very call was carried out through another client, which alone gets its answer";
                Err(carried_out(elsewhere).about(&found))
            }
            State::Done { .. } => match found.answer.and_then(Kept::read) {
                Some(Kept::Output(output)) => Ok(PickUp::Replay(output)),
                Some(Kept::Refusal(_)) | None => Err(carried_out(NOT_KEPT)),
            },
            State::Expired { .. }
            | State::Failed { .. }
            | State::Withdrawn { .. }
            | State::Void { .. } => Ok(PickUp::AskAnew),
        }
    }

    /// A person whose approval policy would not count today.
    fn withdrawn_vote(
        &self,
        tool: &Served,
        permitted: &Permitted,
        found: &Approval,
    ) -> Option<String> {
        let requester = Requester::from(&*permitted.caller.principal);
        found.votes.iter().filter(|cast| cast.verdict == Vote::Approve).find_map(|cast| {
            let Some(account) = &cast.account else { return Some(cast.person.clone()) };
            let decider = Principal::from(account);
            let verdict = self.judge(
                tool,
                &Asked {
                    principal: &decider,
                    act: Act::Decide,
                    arguments: &permitted.arguments,
                    resources: &permitted.resources,
                    requester: Some(&requester),
                },
            );
            (!verdict.is_permit()).then(|| cast.person.clone())
        })
    }

    /// Asks people, and tells the client so.
    async fn ask(
        &self,
        tool: &Served,
        rule: ApprovalSpec,
        permitted: &Permitted,
        effect: Digest,
        trail: &mut Trail,
    ) -> Refusal {
        // Nobody is asked while nobody could read in the record that they were.
        if !self.audit.is_healthy() {
            return unrecordable(&AuditError::Unavailable);
        }
        let preview = match self.shown_to_people(tool, permitted, trail).await {
            Ok(preview) => preview,
            Err(refusal) => return refusal,
        };
        let arguments = Value::Object(permitted.arguments.clone());
        let new = NewApproval {
            effect,
            requester: Party::from(&*permitted.caller.principal),
            tool: tool.spec.name.to_owned(),
            contract: tool.contract,
            resource: permitted.resource.clone(),
            arguments: masked(&arguments, &tool.redaction.sensitive()),
            exact: arguments,
            client_key: permitted.client_key.clone(),
            preview,
            risk: tool.spec.risk.as_str().to_owned(),
            asked_by: "the tool's declaration".to_owned(),
            by: tool.decide_permission.clone().unwrap_or_default(),
            quorum: rule.quorum,
            allow_requester: rule.allow_requester,
            expires_in_ms: rule.expires_secs.saturating_mul(1000),
            max_pending: self.settings.max_pending_approvals,
            task: permitted.channel == Channel::Task,
            announce: self.announce,
        };
        // Before there is a request that people could decide on, whatever becomes of this process.
        let attempt = trail.asked().detail(json!({"asks_for": effect}));
        if let Err(error) = self.audit.durable(attempt).await {
            return unrecordable(&error);
        }
        // In a task of its own: a client that goes away can not part the request from its record.
        let asking = asked(Arc::clone(&self.store), self.audit.clone(), new, trail.asked());
        let Ok(asked) = self.running.spawn(asking).await else { return Refusal::broken() };
        match asked {
            Ok((Requested::Created(made), recorded)) => {
                trail.approval(&made);
                if let Err(error) = recorded {
                    return unrecordable(&error);
                }
                let reason = "a person has to approve this call before it runs";
                self.required(tool, permitted, &made, Fresh::Yes, reason)
            }
            Ok((Requested::Existing(found), _)) => {
                trail.approval(&found);
                let reason = "a person has to approve this call before it runs";
                let asked = self.required(tool, permitted, &found, Fresh::No, reason);
                // Another call was quicker: the request may already be decided, or running.
                self.picked_up(tool, permitted, found).map_or_else(|refusal| refusal, |_| asked)
            }
            Ok((Requested::RanOut(found), _)) => {
                trail.approval(&found);
                expired(&found)
            }
            Ok((Requested::TooManyPending(most), _)) => Refusal::new(
                Code::RateLimited,
                format!("{most} of your requests already wait for a decision"),
            )
            .remedy("wait until some of them are decided")
            .retry_after(Duration::from_secs(30)),
            Err(error) => unavailable(&error),
        }
    }
}

/// Makes a request and puts on record that people are asked. One that can not be recorded is taken back.
async fn asked(
    store: Arc<dyn Store>,
    audit: Audit,
    new: NewApproval,
    record: Record,
) -> Result<(Requested, Result<(), AuditError>), StoreError> {
    let requested = store.request_approval(new).await?;
    let Requested::Created(made) = &requested else { return Ok((requested, Ok(()))) };
    let recorded = audit.durable(record.approval(approval_note(made))).await.map(drop);
    if recorded.is_err() {
        let (asker, why) =
            (made.requester.clone(), "it could not be recorded that people are asked");
        let taken = take_back(&*store, &made.id, asker, why).await;
        if !matches!(taken, Ok(Moved::To(_))) {
            tracing::error!(?taken, approval = %made.id, "an unrecorded request could not be taken back");
        }
    }
    Ok((requested, recorded))
}

enum PickUp {
    Run(Box<Approval>),
    /// Approved by a person whom policy would not let decide today.
    Void(Box<Approval>, String),
    Replay(Output),
    AskAnew,
}

/// Whether this very call has made the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fresh {
    Yes,
    No,
}

impl Refusal {
    pub(super) fn about(mut self, approval: &Approval) -> Self {
        self.approval_id = Some(approval.id.to_string());
        self
    }
}

impl Gate {
    /// The answer while people decide. Whoever asked for it may get more than words: see [`Channel`].
    fn required(
        &self,
        tool: &Served,
        permitted: &Permitted,
        approval: &Approval,
        fresh: Fresh,
        reason: &str,
    ) -> Refusal {
        let principal = &permitted.caller.principal;
        let mut refusal = Refusal::new(Code::ApprovalRequired, reason)
            .remedy(
                "tell the person you work for that this waits for a decision; after the decision call again with the \
                 same arguments",
            )
            .about(approval);
        refusal.expires_at = Some(approval.expires);
        if approval.state != State::Pending {
            return refusal;
        }
        let mut refusal = refusal.retry_after(Duration::from_millis(LOOK_AGAIN_MS));
        refusal.decide_url = self.decide_url(&approval.id);
        if approval.is_held_by(&Party::from(&**principal)) {
            let asks = fresh == Fresh::Yes && permitted.channel == Channel::Link;
            refusal.standing = Some(Box::new(Standing {
                id: approval.id,
                tool: tool.spec.name,
                created: approval.created,
                expires: approval.expires,
                fresh: fresh == Fresh::Yes,
                state: if asks { self.seal(approval, tool, principal) } else { None },
            }));
        }
        refusal
    }
}

/// An approval that no longer counts is used up, so that people can be asked anew.
pub(super) async fn void(gate: &Gate, found: &Approval, why: &str, reason: &str) -> Refusal {
    if let Err(error) = gate.store.void_approval(&found.id, why).await {
        return unavailable(&error);
    }
    Refusal::new(Code::ApprovalRequired, reason)
        .remedy("call again with the same arguments to ask anew")
        .internal(why)
        .about(found)
}

pub(super) fn expired(approval: &Approval) -> Refusal {
    Refusal::new(
        Code::ApprovalExpired,
        "nobody decided on this call, or nobody used the decision, in time",
    )
    .remedy("call again with the same arguments to ask anew")
    .about(approval)
}

/// The store can not answer, so nothing that changes anything runs.
pub(super) fn unavailable(error: &StoreError) -> Refusal {
    Refusal::new(
        Code::AuditUnavailable,
        "what has been approved and what runs can not be looked up or written down",
    )
    .remedy("try again later; an operator has to look at the server's store")
    .retry_after(Duration::from_secs(1))
    .internal(error)
}

/// What the call is bound to. Made where it is needed: a plain read commits to nothing.
pub(super) fn effect(tool: &Served, permitted: &Permitted) -> Result<Digest, Refusal> {
    let principal = &permitted.caller.principal;
    let effect = Effect {
        issuer: &principal.issuer,
        tenant: &principal.tenant,
        subject: &principal.subject,
        tool: tool.spec.name,
        contract: &tool.contract,
        resource: &permitted.resource,
        arguments: &Value::Object(permitted.arguments.clone()),
    };
    effect.digest().map_err(|cause| {
        Refusal::new(Code::InvalidArguments, "the call has no canonical form").internal(cause)
    })
}
