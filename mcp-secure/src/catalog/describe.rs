//! From entries to descriptions, with every fault found on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_secure_rules::Code;
use serde_json::{Map, Value};

use super::fault::StartFault;
use super::{facts, json};
use crate::canon::Digest;
use crate::tool::spec::{Kind, ToolSpec};
use crate::tool::{Entry, ResourceType, State, default_arguments, input_schema, output_schema};

/// One served thing, described.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) spec: &'static ToolSpec,
    pub(crate) input_schema: Arc<Map<String, Value>>,
    pub(crate) output_schema: Option<Arc<Map<String, Value>>>,
    pub(crate) preview_schema: Option<Arc<Map<String, Value>>>,
    pub(crate) defaults: Vec<(&'static str, Value)>,
    pub(crate) resource: Option<ResourceType>,
    pub(crate) decide_permission: Option<String>,
    pub(crate) rollback_permission: Option<String>,
    pub(crate) resolve_permission: Option<String>,
    pub(crate) reveal_permission: Option<String>,
    /// Over everything a client or a reviewer sees.
    pub(crate) fingerprint: Digest,
    /// Over what a call means; approvals are bound to it.
    pub(crate) contract: Digest,
    /// What the fingerprint is taken of.
    pub(crate) description: Value,
}

/// Describes every entry, or says everything that is wrong with them.
pub(crate) fn describe<S: State>(
    entries: &[Entry<S>],
    owner: Option<&str>,
    house: Option<&str>,
) -> Result<Vec<Described>, Vec<StartFault>> {
    let mut faults = duplicates(entries);
    faults.extend(facts::check(entries.iter().map(Entry::spec), owner, house));
    let mut described = Vec::with_capacity(entries.len());
    for entry in entries {
        match describe_one(entry, owner) {
            Ok(one) => described.push(one),
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok(described) } else { Err(faults) }
}

fn describe_one<S: State>(
    entry: &Entry<S>,
    owner: Option<&str>,
) -> Result<Described, Vec<StartFault>> {
    let spec = entry.spec();
    let mut faults = Vec::new();
    let mut note = |found: Vec<crate::tool::Fault>, what: &str| {
        for fault in found {
            let place =
                if fault.path.is_empty() { String::new() } else { format!(" `{}`", fault.path) };
            faults.push(StartFault::tool(spec.name, format!("{what}{place}: {}", fault.message)));
        }
    };
    let input = input_schema(spec, entry.inputs()).map_err(|found| note(found, "input")).ok();
    let output = output_schema(entry.output()).map_err(|found| note(found, "output")).ok();
    let preview = match entry.preview() {
        Some(preview) => output_schema(preview).map_err(|found| note(found, "preview")).ok(),
        None => Some(None),
    };
    let defaults = default_arguments(spec).map_err(|found| note(found, "default")).ok();
    let (Some(Value::Object(input)), Some(output), Some(preview), Some(defaults)) =
        (input, output, preview, defaults)
    else {
        return Err(faults);
    };
    if entry.resource_type().is_some_and(|resource| !resource.id_fits) {
        let why = "the field named by `resource` is not of that resource's id type";
        return Err(vec![StartFault::tool(spec.name, why)]);
    }
    facts::check_key(spec, &input, &defaults, &mut faults);
    facts::check_schema(spec.name, &Value::Object(input.clone()), &mut faults);
    for shown in [&output, &preview].into_iter().flatten() {
        facts::check_schema(spec.name, shown, &mut faults);
    }
    faults.extend(companions(entry));
    if !faults.is_empty() {
        return Err(faults);
    }
    let owner = spec.owner.or(owner).unwrap_or_default().to_owned();
    let input = Value::Object(input);
    let schemas =
        json::Schemas { input: &input, output: output.as_ref(), preview: preview.as_ref() };
    let description = json::description(spec, &owner, schemas);
    let contract = Value::Object(json::contract(spec, schemas));
    let digest = |value: &Value| {
        Digest::of_value(value).map_err(|error| {
            vec![StartFault::tool(
                spec.name,
                format!("the description has no canonical form: {error}"),
            )]
        })
    };
    Ok(Described {
        spec,
        fingerprint: digest(&description)?,
        contract: digest(&contract)?,
        description,
        input_schema: object(input),
        output_schema: output.map(object),
        preview_schema: preview.map(object),
        defaults,
        resource: entry.resource_type(),
        decide_permission: json::decide_permission(spec),
        rollback_permission: json::rollback_permission(spec),
        resolve_permission: json::resolve_permission(spec),
        reveal_permission: json::reveal_permission(spec),
    })
}

/// A hand-written entry without the function that its declaration names would have a control that does nothing.
fn companions<S: State>(entry: &Entry<S>) -> Vec<StartFault> {
    let spec = entry.spec();
    let declared = [
        ("dry_run", spec.dry_run.is_some(), entry.preview().is_some()),
        ("rollback", spec.rollback.is_some(), entry.has_rollback()),
    ];
    let unlike = declared.into_iter().filter(|(_, declared, there)| declared != there);
    unlike
        .map(|(key, ..)| {
            let why = format!(
                "`{key}` has to be both in its declaration and in its entry, or in neither"
            );
            StartFault::tool(spec.name, why)
        })
        .collect()
}

fn object(value: Value) -> Arc<Map<String, Value>> {
    match value {
        Value::Object(map) => Arc::new(map),
        _ => Arc::default(),
    }
}

/// Two things of one name: which one a client reaches would depend on their order.
fn duplicates<S: State>(entries: &[Entry<S>]) -> Vec<StartFault> {
    let mut names: BTreeMap<&str, &ToolSpec> = BTreeMap::new();
    let mut uris: BTreeMap<&str, &ToolSpec> = BTreeMap::new();
    let mut faults = Vec::new();
    for entry in entries {
        let spec = entry.spec();
        // One name for tools, prompts and resources together: policies know an action by it, and would judge one by
        // the other's permission.
        let by_name = names.insert(spec.name, spec);
        let by_uri = match spec.kind {
            Kind::Resource { uri, .. } => uris.insert(uri, spec).map(|first| (first, "address")),
            Kind::Tool | Kind::Prompt => None,
        };
        if let Some((first, what)) = by_name.map(|first| (first, "name")).or(by_uri) {
            let why = format!(
                "its {what} is declared twice, at {}:{} and {}:{}; rename one, as with `name = \"..\"`",
                first.source.file, first.source.line, spec.source.file, spec.source.line
            );
            faults.push(StartFault::tool(spec.name, why).code(Code::NAME_TAKEN.as_str()));
        }
    }
    faults
}
