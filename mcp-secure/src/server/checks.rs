//! What is looked at before anything is served. All causes are told at once.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::catalog::{Described, StartFault};
use crate::policy::{ActionFacts, Policies, PolicyEngine, PolicyFault, ResourceFacts};
use crate::tool::DRY_RUN;
use crate::tool::spec::{Access, ToolSpec};

/// A control that is declared has to be enforced; one that this version can not enforce keeps the server from starting.
pub(super) fn unenforced(spec: &ToolSpec) -> Vec<StartFault> {
    let mut missing = Vec::new();
    if spec.idempotency.is_some() {
        missing.push("idempotency");
    }
    if !spec.rate_limits.is_empty() {
        missing.push("rate_limit");
    }
    missing
        .into_iter()
        .map(|control| {
            StartFault::tool(
                spec.name,
                format!(
                    "`{control}` is declared, and this version of mcp-secure can not enforce it yet; \
                     take it out of the declaration, or wait for the version that can"
                ),
            )
        })
        .collect()
}

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
            let given_away = [decide, resolve].into_iter().flatten();
            given_away.filter(|(by, _)| permissions.contains(by)).map(|(by, does)| {
                let why = format!(
                    "`{by}` {does} this tool and is a tool's own permission; give it one of its own"
                );
                StartFault::tool(tool.spec.name, why)
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
    let facts: Vec<ActionFacts> = tools.iter().map(facts).collect();
    PolicyEngine::build(policies, server, &facts)
        .map_err(|faults| faults.iter().map(policy_fault).collect())
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
