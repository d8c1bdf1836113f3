//! A tool's description as JSON, which is what the fingerprints are taken of.

use serde_json::{Map, Value, json};

use crate::tool::spec::{Access, Bound, InputSpec, Kind, RateScope, ToolSpec};

/// What a tool takes, returns and shows in advance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schemas<'a> {
    pub(crate) input: &'a Value,
    pub(crate) output: Option<&'a Value>,
    pub(crate) preview: Option<&'a Value>,
}

/// Everything a client or a reviewer sees of a tool, but for the line it stands on: a comment above it moves that.
pub(crate) fn description(spec: &ToolSpec, owner: &str, schemas: Schemas<'_>) -> Value {
    let mut out = contract(spec, schemas);
    out.insert("owner".to_owned(), owner.into());
    if let Some(version) = spec.version {
        out.insert("version".to_owned(), version.into());
    }
    out.insert(
        "source".to_owned(),
        json!({"package": spec.source.package, "file": spec.source.file}),
    );
    Value::Object(out)
}

/// What an approval is bound to: all that says what a call means, and nothing that does not.
pub(crate) fn contract(spec: &ToolSpec, schemas: Schemas<'_>) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("kind", kind(spec.kind));
    put("name", spec.name.into());
    if let Some(title) = spec.title {
        put("title", title.into());
    }
    put("description", spec.description.into());
    put("input_schema", schemas.input.clone());
    if let Some(schema) = schemas.output {
        put("output_schema", schema.clone());
    }
    if let Some(schema) = schemas.preview {
        put("preview_schema", schema.clone());
    }
    let a = spec.annotations;
    put(
        "annotations",
        json!({
            "read_only": a.read_only,
            "destructive": a.destructive,
            "idempotent": a.idempotent,
            "open_world": a.open_world,
        }),
    );
    put("risk", spec.risk.as_str().into());
    put(
        "permission",
        match spec.access {
            Access::Public => Value::Null,
            Access::Permission(permission) => permission.into(),
        },
    );
    put("controls", controls(spec));
    let sensitive: Vec<&str> = spec.inputs.iter().filter(|i| i.sensitive).map(|i| i.name).collect();
    put("sensitive", json!(sensitive));
    put("rules", Value::Array(spec.inputs.iter().map(rules).collect()));
    if let Some(why) = spec.broad {
        put("broad", why.into());
    }
    out
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Tool => "tool".into(),
        Kind::Prompt => "prompt".into(),
        Kind::Resource { uri, mime_type } => {
            json!({"resource": {"uri": uri, "mime_type": mime_type}})
        }
    }
}

fn controls(spec: &ToolSpec) -> Value {
    let mut out = Map::new();
    if let Some(resource) = spec.resource {
        out.insert(
            "resource".to_owned(),
            json!({"type": resource.type_name, "input": resource.input}),
        );
    }
    if let Some(approval) = spec.approval {
        out.insert(
            "approval".to_owned(),
            json!({
                "by": decide_permission(spec),
                "quorum": approval.quorum,
                "expires_secs": approval.expires_secs,
                "when": approval.when,
                "allow_requester": approval.allow_requester,
            }),
        );
    }
    if let Some(path) = spec.dry_run {
        out.insert("dry_run".to_owned(), path.into());
    }
    if let Some(idempotency) = spec.idempotency {
        out.insert(
            "idempotency".to_owned(),
            json!({"key": idempotency.key, "window_secs": idempotency.window_secs}),
        );
    }
    if let Some(rollback) = spec.rollback {
        out.insert(
            "rollback".to_owned(),
            json!({
                "path": rollback.path,
                "permission": rollback.permission,
                "within_secs": rollback.within_secs,
            }),
        );
    }
    if spec.irreversible {
        out.insert("irreversible".to_owned(), true.into());
    }
    if !spec.rate_limits.is_empty() {
        let limits = spec.rate_limits.iter().map(|limit| {
            let scope = match limit.scope {
                RateScope::User => "user",
                RateScope::Tenant => "tenant",
                RateScope::Tool => "tool",
            };
            json!({"count": limit.count, "period_secs": limit.period_secs, "per": scope})
        });
        out.insert("rate_limit".to_owned(), Value::Array(limits.collect()));
    }
    out.insert(
        "limits".to_owned(),
        json!({
            "timeout_ms": spec.limits.timeout_ms,
            "max_output_bytes": spec.limits.max_output_bytes,
            "max_concurrent": spec.limits.max_concurrent,
        }),
    );
    Value::Object(out)
}

/// The permission deciders need.
pub(crate) fn decide_permission(spec: &ToolSpec) -> Option<String> {
    let approval = spec.approval?;
    match (approval.by, spec.access) {
        (Some(by), _) => Some(by.to_owned()),
        (None, Access::Permission(permission)) => Some(format!("{permission}.approve")),
        (None, Access::Public) => None,
    }
}

/// The permission to take a run back.
pub(crate) fn rollback_permission(spec: &ToolSpec) -> Option<String> {
    match (spec.rollback?.permission, spec.access) {
        (Some(permission), _) => Some(permission.to_owned()),
        (None, Access::Permission(permission)) => Some(format!("{permission}.rollback")),
        (None, Access::Public) => None,
    }
}

/// The permission to say what became of a run in doubt. Nothing else is ever in doubt but what commits to running.
pub(crate) fn resolve_permission(spec: &ToolSpec) -> Option<String> {
    match spec.access {
        Access::Permission(permission)
            if !spec.annotations.read_only || spec.approval.is_some() =>
        {
            Some(format!("{permission}.resolve"))
        }
        Access::Permission(_) | Access::Public => None,
    }
}

/// The permission to see the sensitive inputs of a request for approval.
pub(crate) fn reveal_permission(spec: &ToolSpec) -> Option<String> {
    let masks = spec.approval.is_some() && spec.inputs.iter().any(|input| input.sensitive);
    match spec.access {
        Access::Permission(permission) if masks => Some(format!("{permission}.reveal")),
        Access::Permission(_) | Access::Public => None,
    }
}

fn rules(input: &InputSpec) -> Value {
    let bound = |bound: Option<Bound>| match bound {
        Some(Bound::Int(i)) => Value::from(i),
        Some(Bound::Float(f)) => Value::from(f),
        None => Value::Null,
    };
    json!({
        "name": input.name,
        "min": bound(input.min),
        "max": bound(input.max),
        "min_len": input.min_len,
        "max_len": input.max_len,
        "pattern": input.pattern,
        "one_of": input.one_of,
        "default": input.default,
    })
}
