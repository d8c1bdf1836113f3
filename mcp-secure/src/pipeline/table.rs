//! The served table: everything about a tool that is worked out once, at start-up.

use std::collections::HashMap;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::limits::Slots;
use super::redact::Redaction;
use crate::canon::Digest;
use crate::catalog::{Described, StartFault};
use crate::tool::BoundTool;
use crate::tool::spec::{Kind, ToolSpec};

/// One tool as calls meet it.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) spec: &'static ToolSpec,
    pub(crate) decide_permission: Option<String>,
    pub(crate) rollback_permission: Option<String>,
    pub(crate) resolve_permission: Option<String>,
    pub(crate) reveal_permission: Option<String>,
    pub(crate) input_schema: Arc<Map<String, Value>>,
    pub(crate) output_schema: Option<Arc<Map<String, Value>>>,
    pub(crate) preview_schema: Option<Arc<Map<String, Value>>>,
    pub(crate) contract: Digest,
    pub(crate) fingerprint: String,
    pub(super) input: Validator,
    pub(super) output: Option<Validator>,
    pub(super) preview: Option<Validator>,
    pub(super) defaults: Vec<(&'static str, Value)>,
    pub(super) redaction: Redaction,
    pub(super) slots: Slots,
    pub(super) bound: BoundTool,
}

/// All that is served.
#[derive(Debug)]
pub(crate) struct Table {
    all: Vec<Arc<Served>>,
    tools: HashMap<&'static str, usize>,
    prompts: HashMap<&'static str, usize>,
    templates: Vec<(Template, usize)>,
}

impl Table {
    pub(crate) fn build(
        parts: Vec<(Described, BoundTool)>,
        max_concurrent: u32,
    ) -> Result<Self, Vec<StartFault>> {
        let mut faults = Vec::new();
        let mut table = Self {
            all: Vec::with_capacity(parts.len()),
            tools: HashMap::new(),
            prompts: HashMap::new(),
            templates: Vec::new(),
        };
        for (described, bound) in parts {
            match serve(described, bound, max_concurrent) {
                Ok(served) => table.add(served),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(table) } else { Err(faults) }
    }

    fn add(&mut self, served: Served) {
        let at = self.all.len();
        match served.spec.kind {
            Kind::Tool => {
                self.tools.insert(served.spec.name, at);
            }
            Kind::Prompt => {
                self.prompts.insert(served.spec.name, at);
            }
            Kind::Resource { uri, .. } => self.templates.push((Template::parse(uri), at)),
        }
        self.all.push(Arc::new(served));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.all.iter()
    }

    pub(super) fn tool(&self, name: &str) -> Option<&Arc<Served>> {
        self.all.get(*self.tools.get(name)?)
    }

    pub(super) fn prompt(&self, name: &str) -> Option<&Arc<Served>> {
        self.all.get(*self.prompts.get(name)?)
    }

    /// The resource whose template fits `uri`, with what its variables hold.
    pub(super) fn resource(&self, uri: &str) -> Option<(&Arc<Served>, Map<String, Value>)> {
        self.templates.iter().find_map(|(template, at)| {
            let variables = template.variables(uri)?;
            Some((self.all.get(*at)?, variables))
        })
    }
}

fn serve(
    described: Described,
    bound: BoundTool,
    max_concurrent: u32,
) -> Result<Served, StartFault> {
    let spec = described.spec;
    let input = compile(spec, &described.input_schema, "input")?;
    let output = match &described.output_schema {
        Some(schema) => Some(compile(spec, schema, "output")?),
        None => None,
    };
    let preview = match &described.preview_schema {
        Some(schema) => Some(compile(spec, schema, "preview")?),
        None => None,
    };
    let slots = spec.limits.max_concurrent.unwrap_or(max_concurrent).max(1);
    Ok(Served {
        spec,
        decide_permission: described.decide_permission,
        rollback_permission: described.rollback_permission,
        resolve_permission: described.resolve_permission,
        reveal_permission: described.reveal_permission,
        redaction: Redaction::of(spec, &described.input_schema),
        input_schema: described.input_schema,
        output_schema: described.output_schema,
        preview_schema: described.preview_schema,
        contract: described.contract,
        fingerprint: described.fingerprint.to_hex(),
        input,
        output,
        preview,
        defaults: described.defaults,
        slots: Slots::new(slots),
        bound,
    })
}

fn compile(
    spec: &ToolSpec,
    schema: &Arc<Map<String, Value>>,
    what: &str,
) -> Result<Validator, StartFault> {
    jsonschema::draft202012::new(&Value::Object((**schema).clone())).map_err(|error| {
        StartFault::tool(
            spec.name,
            format!("the {what} schema does not compile: {}", error.masked()),
        )
    })
}

/// A URI template of literal text and `{name}` (RFC 6570 level 1).
#[derive(Debug)]
struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            parts.push(Part::Variable(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Self(parts)
    }

    /// A variable holds one non-empty path segment of unreserved characters (RFC 3986 section 2.3), so nothing
    /// percent-encoded, no slash and no dot segment reaches a tool.
    fn variables(&self, uri: &str) -> Option<Map<String, Value>> {
        let mut found = Map::new();
        let mut rest = uri;
        let mut parts = self.0.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                Part::Variable(name) => {
                    let end = match parts.peek() {
                        Some(Part::Text(next)) => rest.find(next.as_str())?,
                        _ => rest.len(),
                    };
                    let (value, after) = rest.split_at_checked(end)?;
                    let plain =
                        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
                    if value.is_empty() || matches!(value, "." | "..") || !value.chars().all(plain)
                    {
                        return None;
                    }
                    found.insert(name.clone(), value.into());
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::Template;
    use serde_json::json;

    #[test]
    fn a_template_takes_one_plain_segment_and_nothing_else() {
        let template = Template::parse("kb://articles/{slug}");
        let found = template.variables("kb://articles/refund-policy").unwrap();
        assert_eq!(found.get("slug"), Some(&json!("refund-policy")));
        for hostile in [
            "kb://articles/",
            "kb://articles/a/b",
            "kb://articles/..",
            "kb://articles/%2e%2e",
            "kb://other/a",
            "kb://articles/a?b",
            "kb://articles/a\u{202e}",
        ] {
            assert_eq!(template.variables(hostile), None, "{hostile}");
        }
    }
}
