//! What of a call's arguments a record may show.

use serde_json::{Map, Value};

use crate::audit::Audit;
use crate::tool::spec::ToolSpec;

/// The arguments that are recorded as keyed digests, worked out once for each tool: those marked `sensitive`, and free
/// text, which may hold anything. Ids, numbers, enums and flags stay readable unless marked.
#[derive(Debug)]
pub(crate) struct Redaction {
    open: Vec<String>,
    sensitive: Vec<String>,
}

impl Redaction {
    pub(super) fn of(spec: &ToolSpec, schema: &Map<String, Value>) -> Self {
        let sensitive: Vec<String> =
            spec.inputs.iter().filter(|i| i.sensitive).map(|i| i.name.to_owned()).collect();
        let id = spec.resource.map(|r| r.input);
        let properties = schema.get("properties").and_then(Value::as_object);
        let open = properties
            .into_iter()
            .flatten()
            .filter(|(name, property)| {
                !sensitive.contains(name) && (id == Some(name.as_str()) || shows_no_text(property))
            })
            .map(|(name, _)| name.clone())
            .collect();
        Self { open, sensitive }
    }

    /// The inputs that people who decide do not see.
    pub(super) fn sensitive(&self) -> Vec<&str> {
        self.sensitive.iter().map(String::as_str).collect()
    }

    /// The values of `arguments` that a record does not show.
    pub(super) fn closed<'a>(
        &self,
        arguments: &'a Map<String, Value>,
    ) -> impl Iterator<Item = &'a Value> {
        arguments.iter().filter(|(name, _)| !self.open.contains(name)).map(|(_, value)| value)
    }

    pub(super) fn apply(
        &self,
        audit: &Audit,
        tenant: &str,
        arguments: &Map<String, Value>,
    ) -> Value {
        let shown = arguments.iter().map(|(name, value)| {
            let value = if self.open.contains(name) {
                value.clone()
            } else {
                audit.redact(tenant, name, value)
            };
            (name.clone(), value)
        });
        Value::Object(shown.collect())
    }
}

/// A value of this schema holds no free text: numbers, flags, enums, and lists of them.
fn shows_no_text(schema: &Value) -> bool {
    if schema.get("enum").is_some() || schema.get("const").is_some() {
        return true;
    }
    let plain = |name: &str| matches!(name, "integer" | "number" | "boolean" | "null");
    match schema.get("type") {
        Some(Value::String(name)) if name == "array" => {
            schema.get("items").is_some_and(shows_no_text)
        }
        Some(Value::String(name)) => plain(name),
        Some(Value::Array(names)) => names.iter().all(|n| n.as_str().is_some_and(plain)),
        _ => {
            let parts =
                schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
            parts.is_some_and(|parts| !parts.is_empty() && parts.iter().all(shows_no_text))
        }
    }
}
