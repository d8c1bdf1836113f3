//! Promises of the policies, each named after what it holds.

mod building;
mod deciding;
mod index;
mod memo;

use serde_json::{Map, Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::identity::{Method, Principal};
use crate::resource::LoadedResource;
use crate::tool::spec::Risk;

pub(super) fn tool(name: &str, permission: Option<&str>) -> ActionFacts {
    ActionFacts {
        tool: name.to_owned(),
        permission: permission.map(str::to_owned),
        decide: None,
        rollback: None,
        resolve: None,
        reveal: None,
        resource: None,
        arguments: json!({"type": "object", "properties": {}}),
        risk: Risk::Low,
    }
}

pub(super) fn order() -> ResourceFacts {
    let pairs = [("total_cents", "Long"), ("status", "String"), ("note", "String?")];
    let attributes = pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
    ResourceFacts { type_name: "Order".to_owned(), attributes }
}

pub(super) fn refund() -> ActionFacts {
    ActionFacts {
        decide: Some("refund.approve".to_owned()),
        resource: Some(order()),
        arguments: json!({
            "type": "object",
            "properties": {
                "order_id": {"type": "string"},
                "amount_cents": {"type": "integer", "minimum": 1},
                "reason": {"oneOf": [{"const": "damaged"}, {"const": "duplicate"}]},
                "tags": {"type": "array", "items": {"type": "string"}},
                "comment": {"type": ["string", "null"]},
                "rate": {"type": "number"},
            },
            "required": ["order_id", "amount_cents", "reason", "tags"],
        }),
        risk: Risk::High,
        ..tool("request_refund", Some("refund.request"))
    }
}

pub(super) fn health() -> ActionFacts {
    tool("get_health", Some("account.read"))
}

pub(super) fn engine(policies: &str) -> PolicyEngine {
    build(policies, &[refund(), health(), tool("ping", None)]).unwrap()
}

pub(super) fn build(
    policies: &str,
    tools: &[ActionFacts],
) -> Result<PolicyEngine, Vec<PolicyFault>> {
    PolicyEngine::build(&Policies::from_str("p.cedar", policies), "desk", tools)
}

pub(super) fn principal(name: &str, tenant: &str, roles: &[&str]) -> Principal {
    Principal {
        issuer: "urn:i".to_owned(),
        subject: name.to_owned(),
        person: Some(name.to_owned()),
        tenant: tenant.to_owned(),
        client: "desktop".to_owned(),
        actors: Vec::new(),
        roles: roles.iter().map(ToString::to_string).collect(),
        scopes: std::collections::BTreeSet::new(),
        method: Method::Bearer,
    }
}

pub(super) fn loaded(tenant: &str, attributes: &Value) -> LoadedResource {
    LoadedResource {
        type_name: "Order",
        id: "ord_1".to_owned(),
        tenant: tenant.to_owned(),
        attributes: attributes.as_object().unwrap().clone(),
    }
}

pub(super) fn paid(tenant: &str) -> LoadedResource {
    loaded(tenant, &json!({"total_cents": 12_000, "status": "paid"}))
}

pub(super) fn arguments(amount: i64) -> Map<String, Value> {
    let value =
        json!({"order_id": "ord_1", "amount_cents": amount, "reason": "damaged", "tags": ["a"]});
    value.as_object().unwrap().clone()
}

/// Asks whether `who` may call `request_refund` on `order`.
pub(super) fn ask(
    engine: &PolicyEngine,
    who: &Principal,
    order: &LoadedResource,
    arguments: &Map<String, Value>,
) -> Verdict {
    engine.authorize(&Question {
        principal: who,
        act: Act::Call,
        tool: "request_refund",
        resource: Some(order),
        arguments,
        now: Timestamp::from_millis(1_700_000_000_000),
        requester: None,
    })
}

pub(super) fn plain<'a>(
    who: &'a Principal,
    tool: &'a str,
    none: &'a Map<String, Value>,
) -> Question<'a> {
    Question {
        principal: who,
        act: Act::Call,
        tool,
        resource: None,
        arguments: none,
        now: Timestamp::from_millis(1_700_000_000_000),
        requester: None,
    }
}

pub(super) fn reason(verdict: Verdict) -> DenyReason {
    match verdict {
        Verdict::Deny { reason, .. } => reason,
        Verdict::Permit { .. } => panic!("permitted"),
    }
}
