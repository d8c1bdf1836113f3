//! Going on with a request that people were asked about before: by the `requestState` that a client brings back (MCP
//! 2026-07-28, "Multi Round-Trip Requests"), or by this crate itself, for a task.
//!
//! Neither decides anything. Both say which request a call belongs to; what stands in the store says the rest, and a call
//! that goes on with a request asks nobody anew.

use std::time::Duration;

use rmcp::model::{RequestStateCodec, SealOptions};

use super::approve::{effect, expired, unavailable};
use super::authorise::{Permitted, not_permitted, permission_of};
use super::call::Resumes;
use super::gate::Gate;
use super::idempotency::{Kept, running};
use super::record::Trail;
use super::refusal::{Code, Refusal};
use super::table::Served;
use crate::approval::{Approval, ApprovalId, State};
use crate::audit::{AuditKey, Executed};
use crate::canon::{Digest, canonical};
use crate::identity::Principal;

/// What the key of these seals is derived for, so that it is the key of nothing else.
const PURPOSE: &str = "mcp-secure request state v1";

/// Seals for `requestState`. The key comes from the data folder's, so that every process of a folder, and every server that
/// was given that key, opens what another has sealed.
pub(super) fn codec(key: &AuditKey) -> Option<RequestStateCodec> {
    RequestStateCodec::try_new(key.derived(PURPOSE)?).ok()
}

/// Names a request to whom it is bound, for as long as is left of it.
fn sealed(codec: &RequestStateCodec, id: &ApprovalId, bound: &[u8], left: Duration) -> String {
    let options = SealOptions::new().associated_data(bound).ttl(left);
    codec.seal_with(id.to_string().as_bytes(), &options)
}

/// The request that it names, or why it does not hold.
fn unsealed(codec: &RequestStateCodec, sealed: &str, bound: &[u8]) -> Result<ApprovalId, String> {
    let id = codec.open_with(sealed, bound).map_err(|error| error.to_string())?;
    let id = std::str::from_utf8(&id).ok().and_then(|id| id.parse().ok());
    id.ok_or_else(|| "it names no request".to_owned())
}

impl Gate {
    /// The request that this call goes on with. What a client brings back is looked at before anything is done with the
    /// call, and where it does not hold nothing is.
    pub(super) fn resumed(
        &self,
        tool: &Served,
        permitted: &Permitted,
    ) -> Result<Option<ApprovalId>, Refusal> {
        let Some(resumes) = &permitted.resumes else { return Ok(None) };
        let asks = tool.spec.approval.is_some() && !permitted.dry_run;
        match resumes {
            Resumes::State(sealed) if asks => {
                self.opened(sealed, tool, permitted, effect(tool, permitted)?).map(Some)
            }
            Resumes::State(_) => Err(not_ours("this call asks nobody")),
            Resumes::Request(id) if asks => Ok(Some(*id)),
            // It asked people once, and what they approved does not run without that.
            Resumes::Request(_) => Err(changed()),
        }
    }

    /// What a client brings back so that its next call goes on with `approval`: useless to anybody else, for any other call,
    /// and once the request has run out.
    pub(super) fn seal(
        &self,
        approval: &Approval,
        tool: &Served,
        principal: &Principal,
    ) -> Option<String> {
        let codec = self.states.as_ref()?;
        let bound = bound(principal, tool, &approval.effect)?;
        let left = approval.expires.millis().saturating_sub(self.clock.now().millis());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        Some(sealed(codec, &approval.id, &bound, left))
    }

    fn opened(
        &self,
        sealed: &str,
        tool: &Served,
        permitted: &Permitted,
        effect: Digest,
    ) -> Result<ApprovalId, Refusal> {
        let codec = self.states.as_ref().ok_or_else(|| not_ours("there is no key"))?;
        let bound = bound(&permitted.caller.principal, tool, &effect)
            .ok_or_else(|| not_ours("the call has no canonical form"))?;
        unsealed(codec, sealed, &bound).map_err(not_ours)
    }

    /// What a call hears that goes on with a request which does not stand for it (any more).
    pub(super) async fn no_longer(&self, id: &ApprovalId, trail: &mut Trail) -> Refusal {
        match self.store.approval(id).await {
            Ok(Some(found)) => {
                trail.approval(&found);
                self.told(&found).await.unwrap_or_else(|refusal| refusal)
            }
            Ok(None) => not_ours("the request is gone"),
            Err(error) => unavailable(&error),
        }
    }

    /// What became of a request, in the words for whoever asked for it; `Err` where that can not be looked up.
    pub(super) async fn told(&self, found: &Approval) -> Result<Refusal, Refusal> {
        let refusal = match &found.state {
            State::Pending | State::Approved { .. } => changed(),
            State::Running { .. } => running(),
            State::InDoubt { .. } => in_doubt(),
            State::Denied { reason, .. } => denied(reason.as_deref()),
            State::Done { .. } => carried_out(NOT_KEPT),
            State::Expired { .. } => expired(found),
            State::Withdrawn { .. } => Refusal::new(
                Code::Cancelled,
                "the request for approval of this call was taken back",
            )
            .remedy("call again with the same arguments to ask anew"),
            State::Void { why, .. } if why == KEY_TAKEN => {
                Refusal::new(Code::IdempotencyConflict, KEY_TAKEN).remedy(
                    "look at what was done before; do not try other arguments to get around this",
                )
            }
            State::Void { why, .. } if why == DONE_BEFORE => carried_out(DONE_BEFORE),
            State::Void { why, .. } if why == POLICY_SAYS_NO => {
                not_permitted(self.table.tool(&found.tool).and_then(|tool| permission_of(tool)))
            }
            State::Void { .. } => {
                Refusal::new(Code::ApprovalRequired, "an approval of this call no longer counts")
                    .remedy("call again with the same arguments to ask anew")
            }
            State::Failed { resolved_by: Some(_), .. } => {
                Refusal::new(Code::ToolFailed, "a person found that this call was not carried out")
                    .remedy("call again with the same arguments to ask anew")
            }
            State::Failed { error, .. } => match self.store.answer(&found.id).await {
                Err(error) => return Err(unavailable(&error)),
                Ok(kept) => match kept.and_then(Kept::read) {
                    Some(Kept::Refusal(refusal)) => *refusal,
                    Some(Kept::Output(_)) | None => failed(error),
                },
            },
        };
        Ok(refusal.about(found))
    }
}

/// Of a call that was carried out so long ago that only that is known.
pub(super) const NOT_KEPT: &str = "this very call was carried out; its answer is no longer kept";

/// Why an approval was made useless whose call could not run: the key is not its own.
pub(super) const KEY_TAKEN: &str =
    "somebody else, or a call with other arguments, has asked for this already";

/// Why an approval was made useless whose call need not run: the call was carried out under another approval.
pub(super) const DONE_BEFORE: &str =
    "this very call was carried out before, under another request for approval";

/// Why an approval was made useless whose call could not run: whoever asked for it may not make it any more.
pub(super) const POLICY_SAYS_NO: &str = "policy no longer lets whoever asked make this call";

/// Who may come back with a seal, and for what.
fn bound(principal: &Principal, tool: &Served, effect: &Digest) -> Option<Vec<u8>> {
    canonical(&serde_json::json!([
        principal.issuer,
        principal.tenant,
        principal.subject,
        principal.client,
        tool.spec.name,
        effect.to_hex(),
    ]))
    .ok()
}

/// The one answer to every `requestState` that does not hold: which of them it was helps nobody but a forger.
fn not_ours(cause: impl std::fmt::Display) -> Refusal {
    Refusal::new(
        Code::InvalidArguments,
        "`requestState` is not one that this server gave you for this very call, or its time is over",
    )
    .remedy("call again with the same arguments and without `requestState`")
    .internal(cause)
}

/// The call is not the one that people were asked about.
fn changed() -> Refusal {
    Refusal::new(
        Code::ApprovalRequired,
        "this call is no longer the one that people were asked about",
    )
    .remedy("call again with the same arguments to ask anew")
}

pub(super) fn in_doubt() -> Refusal {
    Refusal::new(Code::InDoubt, "this very call began and nobody knows how far it came")
        .executed(Executed::Unknown)
        .remedy("do not try another way; a person has to find out what happened and resolve it")
}

pub(super) fn denied(reason: Option<&str>) -> Refusal {
    let reason = match reason.filter(|reason| !reason.is_empty()) {
        Some(_) => "a person refused this call and left a reason with the request",
        None => "a person refused this call",
    };
    Refusal::new(Code::ApprovalDenied, reason)
        .remedy("do not ask again in other words; talk to the person you work for")
}

/// It was done, and `reason` says why its answer is not there.
pub(super) fn carried_out(reason: &str) -> Refusal {
    Refusal::new(Code::IdempotencyConflict, reason)
        .executed(Executed::Yes)
        .remedy("do not call again; look at what was done")
}

/// It was approved and failed, and what it said of that is no longer kept.
fn failed(error: &str) -> Refusal {
    Refusal::new(
        Code::from_str(error).unwrap_or(Code::ToolFailed),
        "this call was approved, and failed; whether it had an effect is no longer kept",
    )
    .executed(Executed::Unknown)
    .remedy("look at what was done before you ask again")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn codec() -> RequestStateCodec {
        RequestStateCodec::try_new(vec![7; 32]).unwrap()
    }

    fn id() -> ApprovalId {
        "apr_8e560aef65e253b2bd701bbe5267e974".parse().unwrap()
    }

    #[test]
    fn b08_a_state_holds_for_whom_and_what_it_was_made_until_its_request_has_run_out() {
        let codec = codec();
        let state = sealed(&codec, &id(), b"alice", HOUR);
        assert_eq!(unsealed(&codec, &state, b"alice"), Ok(id()));
        assert!(unsealed(&codec, &state, b"bob").is_err(), "of somebody else");
        assert!(unsealed(&codec, &state, b"").is_err(), "of nobody");
        let other = RequestStateCodec::try_new(vec![8; 32]).unwrap();
        assert!(unsealed(&other, &state, b"alice").is_err(), "of another server");
        let over = sealed(&codec, &id(), b"alice", Duration::ZERO);
        std::thread::sleep(Duration::from_millis(20));
        assert!(unsealed(&codec, &over, b"alice").is_err(), "of a request that has run out");
    }

    #[test]
    fn b08_a_state_that_names_no_request_leads_nowhere() {
        let codec = codec();
        for other in ["", "latest", "apr_", "run_8e560aef65e253b2bd701bbe5267e974"] {
            let options = SealOptions::new().associated_data(b"alice").ttl(HOUR);
            let state = codec.seal_with(other.as_bytes(), &options);
            assert!(unsealed(&codec, &state, b"alice").is_err(), "{other:?}");
        }
    }
}
