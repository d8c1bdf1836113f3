//! Stage 4: load what the permission is checked on, compare tenants in code, then ask the policies.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::call::{Channel, Resumes};
use super::gate::Gate;
use super::record::Trail;
use super::refusal::{Code, Refusal};
use super::table::Served;
use super::validate::Valid;
use crate::audit::{PolicyNote, Ruling};
use crate::canon::Digest;
use crate::identity::Principal;
use crate::policy::{Act, DenyReason, Question, Requester, Unavailable, Verdict, admit};
use crate::resource::LoadedResource;
use crate::tool::spec::Access;
use crate::tool::{Caller, PreparedCall};

/// A call that policy permits on the resources it names.
pub(super) struct Permitted {
    pub(super) caller: Caller,
    pub(super) cancelled: CancellationToken,
    pub(super) arguments: Map<String, Value>,
    /// Of the arguments, in canonical form.
    pub(super) digest: Digest,
    /// The client's name for this call.
    pub(super) client_key: Option<String>,
    pub(super) channel: Channel,
    pub(super) resumes: Option<Resumes>,
    pub(super) prepared: Box<dyn PreparedCall>,
    /// The resources by name, as records and effects hold them.
    pub(super) resource: Value,
    pub(super) resources: Vec<LoadedResource>,
    /// The caller asks what the call would do, and wants nothing done.
    pub(super) dry_run: bool,
}

impl Gate {
    pub(super) async fn authorise(
        &self,
        tool: &Served,
        valid: Valid,
        trail: &mut Trail,
    ) -> Result<Permitted, Refusal> {
        let Valid { caller, arguments, prepared, .. } = &valid;
        let resources =
            loaded(tool, caller, &**prepared).await.map_err(|Unavailable| unavailable())?;
        let references = references(&resources, trail);
        let asked = Asked {
            principal: &caller.principal,
            act: Act::Call,
            arguments,
            resources: &resources,
            requester: None,
        };
        let verdict = self.judge(tool, &asked);
        trail.policy(policy_note(&verdict));
        if !verdict.is_permit() {
            return Err(denied(permission_of(tool), &verdict));
        }
        Ok(Permitted {
            caller: valid.caller,
            cancelled: valid.cancelled,
            arguments: valid.arguments,
            digest: valid.digest,
            client_key: valid.client_key,
            channel: valid.channel,
            resumes: valid.resumes,
            prepared: valid.prepared,
            resource: references,
            resources,
            dry_run: valid.dry_run,
        })
    }

    /// Asks the policies about every resource; the strictest answer holds.
    pub(super) fn judge(&self, tool: &Served, asked: &Asked<'_>) -> Verdict {
        let ask = |resource: Option<&LoadedResource>| {
            self.policy.authorize(&Question {
                principal: asked.principal,
                act: asked.act,
                tool: tool.spec.name,
                resource,
                arguments: asked.arguments,
                now: self.clock.now(),
                requester: asked.requester,
            })
        };
        let Some((first, rest)) = asked.resources.split_first() else { return ask(None) };
        let mut verdict = ask(Some(first));
        for resource in rest {
            if !verdict.is_permit() {
                return verdict;
            }
            verdict = ask(Some(resource));
        }
        verdict
    }
}

/// One question to the policies, over all resources of a call.
pub(super) struct Asked<'a> {
    pub(super) principal: &'a Principal,
    pub(super) act: Act,
    pub(super) arguments: &'a Map<String, Value>,
    pub(super) resources: &'a [LoadedResource],
    pub(super) requester: Option<&'a Requester>,
}

/// What the permission is checked on, as it is now. A failure, a missing resource and another tenant's look the same.
pub(super) async fn loaded(
    tool: &Served,
    caller: &Caller,
    prepared: &dyn PreparedCall,
) -> Result<Vec<LoadedResource>, Unavailable> {
    match prepared.load(caller) {
        Some(loading) => admitted(&caller.principal, tool, loading).await,
        None => Ok(Vec::new()),
    }
}

/// The resources by name, as records and effects hold them.
pub(super) fn references(resources: &[LoadedResource], trail: &mut Trail) -> Value {
    let references: Vec<String> = resources.iter().map(LoadedResource::reference).collect();
    if !references.is_empty() {
        trail.resource(references.join(", "));
    }
    Value::from(references)
}

/// What was loaded, if all of it is there and the principal's own. Loading is the application's code: where it panics
/// there is nothing, as where it fails.
async fn admitted<E>(
    principal: &Principal,
    tool: &Served,
    loading: impl Future<Output = Result<Vec<Option<LoadedResource>>, E>>,
) -> Result<Vec<LoadedResource>, Unavailable> {
    let limit = std::time::Duration::from_millis(tool.spec.limits.timeout_ms);
    let loaded = tokio::time::timeout(limit, AssertUnwindSafe(loading).catch_unwind()).await;
    let loaded = loaded.map_err(|_| Unavailable)?.map_err(|_| Unavailable)?;
    let loaded = loaded.map_err(|_| Unavailable)?;
    loaded.into_iter().map(|one| admit::<E>(principal, Ok(one))).collect()
}

pub(super) fn unavailable() -> Refusal {
    Refusal::new(Code::PermissionDenied, Unavailable.to_string())
        .remedy("check the id with the person you work for; do not guess ids")
}

/// The permission that a call of this tool takes.
pub(super) const fn permission_of(tool: &Served) -> Option<&'static str> {
    match tool.spec.access {
        Access::Permission(permission) => Some(permission),
        Access::Public => None,
    }
}

/// Whether it was policy that said no to the call, and not that a resource is missing, which may be back in a moment.
pub(super) fn is_policys(refusal: &Refusal) -> bool {
    refusal.code == Code::PermissionDenied && refusal.reason != Unavailable.to_string()
}

pub(super) fn denied(permission: Option<&str>, verdict: &Verdict) -> Refusal {
    let refusal = not_permitted(permission);
    match verdict {
        Verdict::Deny { reason: DenyReason::Error(cause), .. } => refusal.internal(cause),
        Verdict::Deny { reason, .. } => refusal.internal(format!("{reason:?}")),
        Verdict::Permit { .. } => refusal,
    }
}

/// What whoever called hears of a policy's no.
pub(super) fn not_permitted(permission: Option<&str>) -> Refusal {
    let (reason, remedy) = match permission {
        Some(permission) => (
            format!("policy does not grant `{permission}` for this call"),
            format!("ask an administrator for `{permission}` on this, or ask somebody who has it"),
        ),
        None => (
            "policy forbids this call".to_owned(),
            "ask an administrator; do not try another way".to_owned(),
        ),
    };
    Refusal::new(Code::PermissionDenied, reason).remedy(remedy)
}

pub(super) fn policy_note(verdict: &Verdict) -> PolicyNote {
    let (decision, ids) = match verdict {
        Verdict::Permit { policies, .. } => (Ruling::Allow, policies.clone()),
        Verdict::Deny { reason: DenyReason::Forbidden(policies), .. } => {
            (Ruling::Deny, policies.clone())
        }
        Verdict::Deny { reason: DenyReason::Error(_), .. } => (Ruling::Error, Vec::new()),
        Verdict::Deny { .. } => (Ruling::Deny, Vec::new()),
    };
    PolicyNote { decision, ids, version: verdict.version().to_hex() }
}
