//! Showing a person what is masked of a request. It takes a permission of its own, and it is on record before it is shown.

use serde_json::{Map, Value, json};

use super::authorise::policy_note;
use super::decide::DecideRefused;
use super::gate::Gate;
use super::look::Look;
use super::record::approval_note;
use crate::approval::{Approval, ApprovalId};
use crate::audit::{Event, Executed, OutcomeNote, Record};
use crate::canon::Digest;
use crate::identity::Authenticated;
use crate::policy::Act;

/// A request with what is masked of it.
pub(crate) struct Revealed {
    pub(crate) look: Look,
    /// The arguments that were masked, as the call brought them.
    pub(crate) values: Map<String, Value>,
}

/// Why nothing is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RevealRefused {
    /// There is no such request for this person.
    #[error("there is no such request, or you may not see it")]
    NotFound,
    /// The digest is not the request's.
    #[error("the request is not the one that was shown; look at it again")]
    Stale,
    /// Nothing of it is masked.
    #[error("nothing of this request is masked")]
    NothingMasked,
    /// Policy does not let this person see it.
    #[error("policy does not let you see this; it takes the permission `{0}`")]
    NotPermitted(String),
    /// The tool is gone, and its permission with it.
    #[error("the tool of this request is not served any more")]
    NotServed,
    /// The record or the store can not be read or written.
    #[error("that you see this can not be written down, so it is not shown; try again later")]
    Unavailable,
}

impl RevealRefused {
    const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Stale => "stale",
            Self::NothingMasked => "nothing_masked",
            Self::NotPermitted(_) => "permission_denied",
            Self::NotServed => "not_served",
            Self::Unavailable => "unavailable",
        }
    }
}

impl From<DecideRefused> for RevealRefused {
    fn from(refused: DecideRefused) -> Self {
        match refused {
            DecideRefused::Unavailable => Self::Unavailable,
            DecideRefused::Changed => Self::NotServed,
            _ => Self::NotFound,
        }
    }
}

/// The names of the arguments that people are not shown.
pub(super) fn masked_inputs(approval: &Approval) -> Vec<&str> {
    let (shown, exact) = (approval.arguments.as_object(), approval.exact.as_object());
    let (Some(shown), Some(exact)) = (shown, exact) else { return Vec::new() };
    let differs = |(name, value): &(&String, &Value)| exact.get(*name).is_some_and(|e| e != *value);
    shown.iter().filter(differs).map(|(name, _)| name.as_str()).collect()
}

impl Gate {
    /// What is masked of the request called `id`, if policy lets `who` see it. Each time is one record, on disk before
    /// this returns.
    pub(crate) async fn reveal(
        &self,
        who: &Authenticated,
        id: &ApprovalId,
        digest: Digest,
    ) -> Result<Revealed, RevealRefused> {
        let mut note = Record::new(Event::Reveal)
            .principal(who.principal())
            .detail(json!({"asked_for": id.to_string()}));
        match self.weigh_sight(who, id, digest, &mut note).await {
            Ok(revealed) => {
                let seen = note.outcome(OutcomeNote::new(Executed::Yes, "ok"));
                self.audit.durable(seen).await.map_err(|_| RevealRefused::Unavailable)?;
                Ok(revealed)
            }
            Err(refused) => {
                let record = note.outcome(OutcomeNote::new(Executed::No, refused.code()));
                if let Err(error) = self.audit.durable(record).await {
                    tracing::error!(%error, approval = %id, "a refused look could not be recorded");
                }
                Err(refused)
            }
        }
    }

    async fn weigh_sight(
        &self,
        who: &Authenticated,
        id: &ApprovalId,
        digest: Digest,
        note: &mut Record,
    ) -> Result<Revealed, RevealRefused> {
        let look = self.look(who, id).await?;
        note.tool = Some(look.approval.tool.clone());
        note.approval = Some(approval_note(&look.approval));
        if look.approval.effect != digest {
            return Err(RevealRefused::Stale);
        }
        let names = masked_inputs(&look.approval);
        if names.is_empty() {
            return Err(RevealRefused::NothingMasked);
        }
        note.detail = Some(json!({"inputs": names}));
        let tool = look.tool.as_deref().ok_or(RevealRefused::NotServed)?;
        let refused =
            || RevealRefused::NotPermitted(tool.reveal_permission.clone().unwrap_or_default());
        if !self.could(who, Act::Reveal, &look.approval.tool) {
            return Err(refused());
        }
        let ruled = self.ruled(who.principal(), Act::Reveal, tool, &look.approval).await?;
        note.policy = Some(policy_note(&ruled));
        if !ruled.is_permit() {
            return Err(refused());
        }
        let exact = look.approval.exact.as_object();
        let value = |name: &str| Some((name.to_owned(), exact?.get(name)?.clone()));
        let values = names.into_iter().filter_map(value).collect();
        Ok(Revealed { look, values })
    }
}
