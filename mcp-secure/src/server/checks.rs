//! What is looked at before anything is served. All causes are told at once.

use std::collections::BTreeSet;

use mcp_secure_rules::Code;
use serde_json::Value;

use crate::catalog::{Described, StartFault};
use crate::pipeline::{SWITCH_ACTION, SWITCH_PERMISSION, switch_arguments};
use crate::policy::{ActionFacts, Policies, PolicyEngine, PolicyFault, ResourceFacts};
use crate::tool::DRY_RUN;
use crate::tool::spec::{Access, Risk};

/// A permission to judge somebody's call that is also the permission of a tool could be given away with the tool. One
/// to roll back may be: a tool that cancels refunds takes the same trust as taking one back.
pub(super) fn deciders(tools: &[Described]) -> Vec<StartFault> {
    let permissions: BTreeSet<&str> = tools
        .iter()
        .filter_map(|tool| match tool.spec.access {
            Access::Permission(permission) => Some(permission),
            Access::Public => None,
        })
        .collect();
    tools
        .iter()
        .flat_map(|tool| {
            let decide = tool.decide_permission.as_deref().map(|by| (by, "decides on"));
            let resolve =
                tool.resolve_permission.as_deref().map(|by| (by, "resolves what is in doubt of"));
            let reveal =
                tool.reveal_permission.as_deref().map(|by| (by, "shows the sensitive inputs of"));
            let given_away = [decide, resolve, reveal].into_iter().flatten();
            given_away.filter(|(by, _)| permissions.contains(by)).map(|(by, does)| {
                let why = format!(
                    "`{by}` {does} this tool and is a tool's own permission; give it one of its own"
                );
                StartFault::tool(tool.spec.name, why).code(Code::APPROVER_TAKEN.as_str())
            })
        })
        .collect()
}

/// Loads the policies and checks them against the tools.
pub(super) fn policies(
    policies: &Policies,
    server: &str,
    tools: &[Described],
) -> Result<PolicyEngine, Vec<StartFault>> {
    let facts: Vec<ActionFacts> = tools.iter().map(facts).chain([switches()]).collect();
    PolicyEngine::build(policies, server, &facts)
        .map_err(|faults| faults.iter().map(policy_fault).collect())
}

/// The switches, as policies know them: on the server as a whole, under a permission of their own.
fn switches() -> ActionFacts {
    ActionFacts {
        tool: SWITCH_ACTION.to_owned(),
        permission: Some(SWITCH_PERMISSION.to_owned()),
        decide: None,
        rollback: None,
        resolve: None,
        reveal: None,
        resource: None,
        arguments: switch_arguments(),
        risk: Risk::Critical,
    }
}

fn policy_fault(fault: &PolicyFault) -> StartFault {
    StartFault::server(format!("policies: {fault}"))
}

/// The arguments that policies judge: all but the reserved input, which is taken out before.
fn judged(tool: &Described) -> Value {
    let mut schema = (*tool.input_schema).clone();
    if tool.spec.dry_run.is_some()
        && let Some(Value::Object(properties)) = schema.get_mut("properties")
    {
        properties.remove(DRY_RUN);
    }
    Value::Object(schema)
}

fn facts(tool: &Described) -> ActionFacts {
    let permission = match tool.spec.access {
        Access::Public => None,
        Access::Permission(permission) => Some(permission.to_owned()),
    };
    ActionFacts {
        tool: tool.spec.name.to_owned(),
        rollback: tool.rollback_permission.clone(),
        resolve: tool.resolve_permission.clone(),
        reveal: tool.reveal_permission.clone(),
        decide: tool.decide_permission.clone(),
        permission,
        resource: tool.resource.map(|resource| ResourceFacts {
            type_name: resource.type_name.to_owned(),
            attributes: resource
                .attributes
                .iter()
                .map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()))
                .collect(),
        }),
        arguments: judged(tool),
        risk: tool.spec.risk,
    }
}
