//! From a notice to what is sent: the same bytes, under the same id, to everybody and each time.

use super::announcement::{Announcement, Request, Requester, ResourceName};
use super::key::Key;
use super::post::headers;
use super::{ID, SIGNATURE, TIMESTAMP};
use crate::approval::{Approval, StateKind};
use crate::clock::Timestamp;
use crate::store::Notice;
use http::HeaderMap;
use serde_json::Value;

/// A message, not signed yet.
pub(super) struct Message {
    id: String,
    pub(super) body: Vec<u8>,
}

impl Message {
    pub(super) fn new(
        server: &str,
        approval: &Approval,
        notice: &Notice,
        decide_url: Option<String>,
    ) -> Result<Self, serde_json::Error> {
        let announcement = announcement(server, approval, notice, decide_url);
        Ok(Self {
            // A request comes to a state once, so both together name the change, and name it alike on each attempt.
            id: format!("{}_{}", notice.approval, notice.state),
            body: serde_json::to_vec(&announcement)?,
        })
    }

    /// The headers of an attempt that is made now: signed anew, since the receiver looks at the time.
    pub(super) fn headers(&self, keys: &[Key], now: Timestamp) -> Option<HeaderMap> {
        let timestamp = now.seconds().to_string();
        let sign = |key: &Key| key.sign(&self.id, &timestamp, &self.body);
        let signatures = keys.iter().map(sign).collect::<Option<Vec<_>>>()?.join(" ");
        headers([
            (ID, &self.id),
            (TIMESTAMP, &timestamp),
            (SIGNATURE, &signatures),
            ("content-type", "application/json"),
        ])
    }
}

fn announcement(
    server: &str,
    approval: &Approval,
    notice: &Notice,
    decide_url: Option<String>,
) -> Announcement {
    let asked = &approval.requester;
    Announcement {
        kind: format!("approval.{}", notice.state),
        version: 1,
        timestamp: notice.at.to_rfc3339(),
        data: Request {
            id: approval.id.to_string(),
            sequence: notice.number,
            server: server.to_owned(),
            tool: approval.tool.clone(),
            risk: approval.risk.clone(),
            tenant: asked.tenant.clone(),
            requester: Requester {
                issuer: asked.issuer.clone(),
                subject: asked.subject.clone(),
                person: asked.person.clone(),
            },
            client: asked.client.clone(),
            resources: resources(approval),
            quorum: approval.quorum.max(1),
            approvals: match notice.state {
                // Nobody had yet. Whoever has since is no part of this change, and each attempt says the same.
                StateKind::Pending => 0,
                _ => u32::try_from(approval.approvals()).unwrap_or(u32::MAX),
            },
            created: approval.created.to_rfc3339(),
            expires: approval.expires.to_rfc3339(),
            decide_url,
        },
    }
}

/// What the call is about: each is written `Order::"ord_5001"`.
fn resources(approval: &Approval) -> Vec<ResourceName> {
    let named = approval.resource.as_array().into_iter().flatten().filter_map(Value::as_str);
    named
        .filter_map(|reference| {
            let (kind, id) = reference.split_once("::\"")?;
            let id = id.strip_suffix('"').filter(|id| is_id(id) && shows(&approval.arguments, id));
            Some(ResourceName { kind: kind.to_owned(), id: id.map(str::to_owned) })
        })
        .collect()
}

/// Whether it can be nothing but an id: an id comes from a model, and a text that does something to its reader could come
/// along with it.
fn is_id(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    (1..=128).contains(&id.len()) && id.chars().all(allowed)
}

/// Whether the id stands among the arguments as people see them. One that is masked there is told to nobody here either.
fn shows(arguments: &Value, id: &str) -> bool {
    match arguments {
        Value::String(text) => text == id,
        Value::Number(number) => number.to_string() == id,
        Value::Array(items) => items.iter().any(|item| shows(item, id)),
        Value::Object(members) => members.values().any(|value| shows(value, id)),
        Value::Null | Value::Bool(_) => false,
    }
}
