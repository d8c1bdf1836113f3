//! The rules of the declaration, applied once more at start-up: to hand-written specs, and to tools of other crates.
//!
//! They are the very functions the macros apply.

use std::collections::BTreeSet;

use mcp_secure_rules::Code;
use mcp_secure_rules::declaration::{
    ApprovalFacts, Facts, Kind as KindOf, Risk as RiskOf, check as check_facts, check_texts,
};
use mcp_secure_rules::house::HouseRules;
use mcp_secure_rules::text::{Place, lint};
use serde_json::{Map, Value};

use super::fault::StartFault;
use crate::tool::spec::{Access, Kind, Risk, ToolSpec};

/// Every rule that can be judged from the declaration alone.
///
/// The house rules that any tool was compiled under hold for every tool, those of other crates included.
pub(super) fn check<'a>(
    specs: impl Iterator<Item = &'static ToolSpec> + Clone,
    owner: Option<&str>,
    house: Option<&'a str>,
) -> Vec<StartFault> {
    let mut faults = Vec::new();
    let texts: BTreeSet<&'a str> =
        specs.clone().flat_map(|spec| spec.house.iter().copied()).chain(house).collect();
    let mut houses = Vec::with_capacity(texts.len());
    for text in texts {
        match HouseRules::parse(text) {
            Ok(rules) => houses.push(rules),
            Err(found) => faults.extend(
                found.into_iter().map(|fault| StartFault::server(format!("house rules: {fault}"))),
            ),
        }
    }
    for spec in specs {
        check_one(spec, owner, &houses, &mut faults);
    }
    faults
}

fn check_one(
    spec: &'static ToolSpec,
    owner: Option<&str>,
    houses: &[HouseRules],
    faults: &mut Vec<StartFault>,
) {
    if spec.owner.or(owner).is_none_or(str::is_empty) {
        faults.push(StartFault::tool(
            spec.name,
            "nobody answers for this tool; write `owner = \"..\"` or give the server an owner",
        ));
    }
    if let Some(resource) = spec.resource
        && spec.inputs.iter().any(|input| input.sensitive && input.name == resource.input)
    {
        let why = format!(
            "`{}` names the resource, which records and the people who decide are shown, so it can not be `sensitive`",
            resource.input
        );
        faults.push(StartFault::tool(spec.name, why).code(Code::RESOURCE_SENSITIVE.as_str()));
    }
    let facts = facts(spec, owner);
    let house = houses.iter().flat_map(|house| house.check(&facts));
    for fault in check_facts(&facts).into_iter().chain(house) {
        faults.push(StartFault::tool(spec.name, fault.message).code(fault.code.to_string()));
    }
    for fault in check_texts(&facts) {
        faults.push(StartFault::tool(spec.name, fault.message).code(fault.code.to_string()));
    }
}

/// An input of the key that a call may lack would give all calls without it one key. A field that serde renames is always
/// lacking: the declaration knows it by its name in Rust, and the arguments by the other.
pub(super) fn check_key(
    spec: &ToolSpec,
    input: &Map<String, Value>,
    defaults: &[(&str, Value)],
    faults: &mut Vec<StartFault>,
) {
    let properties = input.get("properties").and_then(Value::as_object);
    let required = input.get("required").and_then(Value::as_array);
    for name in spec.idempotency.iter().flat_map(|rule| rule.key) {
        let why = if !properties.is_some_and(|properties| properties.contains_key(*name)) {
            format!(
                "`{name}` of `idempotency(key = [..])` is no argument of this tool; give the field the name that \
                 clients see and take its `#[serde(rename)]` away"
            )
        } else if !required.is_some_and(|required| required.iter().any(|one| one == name))
            && !defaults.iter().any(|(with, _)| with == name)
        {
            format!(
                "`{name}` of `idempotency(key = [..])` may be left out, and all calls without it would share one key; \
                 make it required, or a parameter with `#[arg(default = ..)]`"
            )
        } else {
            continue;
        };
        faults.push(StartFault::tool(spec.name, why));
    }
}

/// Every text of a schema that a model reads: titles, descriptions, names of fields, enum values, defaults, examples.
/// The whole schema is the surface, whichever type of whichever crate it came from.
pub(super) fn check_schema(tool: &str, schema: &Value, faults: &mut Vec<StartFault>) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                let place = match key.as_str() {
                    "description" => Place::InputDescription,
                    "title" => Place::Title,
                    _ => Place::Value,
                };
                match value {
                    Value::String(text) => check_text(tool, text, place, faults),
                    other => check_schema(tool, other, faults),
                }
                check_text(tool, key, Place::Value, faults);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| check_schema(tool, value, faults)),
        // Values of `enum`, `examples` and `required`.
        Value::String(text) => check_text(tool, text, Place::Value, faults),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn check_text(tool: &str, text: &str, place: Place, faults: &mut Vec<StartFault>) {
    for fault in lint(text, place) {
        faults.push(StartFault::tool(tool, fault.message).code(fault.code.to_string()));
    }
}

fn facts<'a>(spec: &'a ToolSpec, owner: Option<&'a str>) -> Facts<'a> {
    let kind = match spec.kind {
        Kind::Tool => KindOf::Tool,
        Kind::Resource { .. } => KindOf::Resource,
        Kind::Prompt => KindOf::Prompt,
    };
    let (permission, public) = match spec.access {
        Access::Permission(permission) => (Some(permission), false),
        Access::Public => (None, true),
    };
    Facts {
        title: spec.title,
        risk: Some(match spec.risk {
            Risk::Low => RiskOf::Low,
            Risk::Medium => RiskOf::Medium,
            Risk::High => RiskOf::High,
            Risk::Critical => RiskOf::Critical,
        }),
        permission,
        public,
        resource: spec.resource.is_some(),
        approval: spec.approval.map(|approval| ApprovalFacts {
            by: approval.by,
            when: approval.when.is_some(),
            allow_requester: approval.allow_requester,
        }),
        read_only: spec.annotations.read_only,
        destructive: spec.annotations.destructive,
        // A `false` here may be the default rather than stated, which contradicts nothing.
        idempotent: spec.annotations.idempotent.then_some(true),
        dry_run: spec.dry_run.is_some(),
        idempotency: spec.idempotency.is_some(),
        rollback: spec.rollback.is_some(),
        rollback_permission: spec.rollback.and_then(|rollback| rollback.permission),
        irreversible: spec.irreversible,
        rate_limit: !spec.rate_limits.is_empty(),
        owner: spec.owner.or(owner),
        version: spec.version,
        ..Facts::bare(kind, spec.name, spec.description)
    }
}
