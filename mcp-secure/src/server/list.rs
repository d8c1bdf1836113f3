//! The lists a caller gets: only what the policy could permit this caller, in one fixed order.

use std::sync::Arc;

use rmcp::model::{Prompt, PromptArgument, Resource, ResourceTemplate, Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use super::face::Shown;
use crate::tool::DRY_RUN;
use crate::tool::spec::{AnnotationSpec, Kind};

/// Sorted by name, so that the same rights give the same bytes.
pub(super) fn in_order(mut shown: Vec<Shown>) -> Vec<Shown> {
    shown.sort_unstable_by(|a, b| a.spec.name.cmp(b.spec.name));
    shown
}

pub(super) fn to_tool(shown: Shown) -> Tool {
    let spec = shown.spec;
    let mut tool = Tool::new(spec.name, spec.description, shown.input_schema)
        .with_annotations(to_annotations(spec.annotations));
    tool.title = spec.title.map(ToOwned::to_owned);
    let preview = match (spec.dry_run, shown.preview_schema.as_deref()) {
        (None, _) => Preview::None,
        (Some(_), None) => Preview::InWords,
        (Some(_), Some(schema)) => Preview::Of(schema),
    };
    tool.output_schema = shown.output_schema.as_deref().map(|output| advertised(output, preview));
    tool
}

/// What a tool shows in advance.
#[derive(Debug, Clone, Copy)]
enum Preview<'a> {
    None,
    /// Content without structure.
    InWords,
    /// Structured content of this schema.
    Of(&'a Map<String, Value>),
}

/// The schema of everything a call may answer: the tool's output, a refusal, and, where there is a preview, that.
///
/// Some clients (the Inspector among them) hold the structured content of an error against the output schema too, and
/// then show their own complaint in place of the refusal.
fn advertised(output: &Map<String, Value>, preview: Preview<'_>) -> Arc<Map<String, Value>> {
    let mut output = output.clone();
    // References start at the root, so what they point to stays there.
    let mut definitions = match output.remove("$defs") {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    let refusal = json!({
        "type": "object",
        "description": "why the call was not carried out, or what is known of how it ended",
        "properties": {
            "executed": {"enum": [false, true, "unknown"]},
            "code": {"type": "string"},
            "reason": {"type": "string"},
            "request_id": {"type": "string"},
        },
        "required": ["executed", "code", "reason", "request_id"],
    });
    let mut answers = vec![Value::Object(output), refusal];
    answers.extend(match preview {
        Preview::None => None,
        Preview::Of(schema) => Some(Value::Object(beside(schema, &mut definitions))),
        Preview::InWords => Some(json!({
            "type": "object",
            "description": "what the call would do is in the content; nothing was carried out",
            "properties": {DRY_RUN: {"const": true}},
            "required": [DRY_RUN],
        })),
    });
    let mut whole = Map::new();
    whole.insert("type".to_owned(), json!("object"));
    whole.insert("anyOf".to_owned(), Value::Array(answers));
    if !definitions.is_empty() {
        whole.insert("$defs".to_owned(), Value::Object(definitions));
    }
    Arc::new(whole)
}

/// A preview's schema as a part of a larger one. Its definitions get names of their own, since the output may have others
/// of the same name.
fn beside(schema: &Map<String, Value>, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let mut renamed = Value::Object(schema.clone());
    rename(&mut renamed);
    let Value::Object(mut renamed) = renamed else { return Map::new() };
    if let Some(Value::Object(own)) = renamed.remove("$defs") {
        definitions
            .extend(own.into_iter().map(|(name, value)| (format!("{DRY_RUN}.{name}"), value)));
    }
    renamed
}

fn rename(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(to) if key == "$ref" => {
                        if let Some(name) = to.strip_prefix("#/$defs/") {
                            *to = format!("#/$defs/{DRY_RUN}.{name}");
                        }
                    }
                    value => rename(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rename),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// All four, so that no client has to know the defaults.
fn to_annotations(hints: AnnotationSpec) -> ToolAnnotations {
    ToolAnnotations::new()
        .read_only(hints.read_only)
        .destructive(hints.destructive)
        .idempotent(hints.idempotent)
        .open_world(hints.open_world)
}

pub(super) fn to_prompt(shown: &Shown) -> Prompt {
    let required = shown.input_schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| {
        required.is_some_and(|names| names.iter().any(|required| required.as_str() == Some(name)))
    };
    let arguments = shown.input_schema.get("properties").and_then(Value::as_object).map(|inputs| {
        let mut names: Vec<(&String, &Value)> = inputs.iter().collect();
        names.sort_unstable_by_key(|(name, _)| *name);
        names
            .into_iter()
            .map(|(name, schema)| to_argument(name, schema, is_required(name)))
            .collect()
    });
    let mut prompt = Prompt::new(shown.spec.name, Some(shown.spec.description), arguments);
    prompt.title = shown.spec.title.map(ToOwned::to_owned);
    prompt
}

fn to_argument(name: &str, schema: &Value, required: bool) -> PromptArgument {
    let argument = PromptArgument::new(name).with_required(required);
    match schema.get("description").and_then(Value::as_str) {
        Some(description) => argument.with_description(description),
        None => argument,
    }
}

/// What `resources/list` tells: resources whose address is whole.
pub(super) fn to_resource(shown: &Shown) -> Option<Resource> {
    let Kind::Resource { uri, mime_type } = shown.spec.kind else { return None };
    if uri.contains('{') {
        return None;
    }
    let mut resource = Resource::new(uri, shown.spec.name)
        .with_description(shown.spec.description)
        .with_mime_type(mime_type);
    resource.title = shown.spec.title.map(ToOwned::to_owned);
    Some(resource)
}

/// What `resources/templates/list` tells: resources whose address has variables.
pub(super) fn to_template(shown: &Shown) -> Option<ResourceTemplate> {
    let Kind::Resource { uri, mime_type } = shown.spec.kind else { return None };
    if !uri.contains('{') {
        return None;
    }
    let mut template = ResourceTemplate::new(uri, shown.spec.name)
        .with_description(shown.spec.description)
        .with_mime_type(mime_type);
    template.title = shown.spec.title.map(ToOwned::to_owned);
    Some(template)
}

/// The media type of the template that `uri` falls under, by the part before the first variable.
pub(super) fn mime_type_of(shown: &[Shown], uri: &str) -> Option<&'static str> {
    let fits = |template: &str| match template.split_once('{') {
        Some((start, _)) => uri.starts_with(start),
        None => uri == template,
    };
    shown.iter().find_map(|entry| match entry.spec.kind {
        Kind::Resource { uri: template, mime_type } if fits(template) => Some(mime_type),
        _ => None,
    })
}

/// What of `_meta` has a key of ours.
pub(super) fn own_keys(meta: &Map<String, Value>, prefix: &str) -> Map<String, Value> {
    let own = meta.iter().filter(|(key, _)| key.starts_with(prefix));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Code, Refusal};

    #[test]
    fn a_preview_fits_what_is_advertised_and_its_definitions_are_not_the_outputs() {
        let of = |kind: &str| {
            json!({
                "type": "object",
                "properties": {"id": {"$ref": "#/$defs/Id"}},
                "required": ["id"],
                "$defs": {"Id": {"type": kind}, "Unused": {"$ref": "#/$defs/Id"}},
            })
        };
        let (output, preview) = (of("string"), of("boolean"));
        let fits = |preview: Option<&Value>, value: &Value| {
            let preview = preview.and_then(Value::as_object);
            let preview = preview.map_or(Preview::InWords, Preview::Of);
            let schema = advertised(output.as_object().unwrap(), preview);
            jsonschema::validator_for(&Value::Object((*schema).clone())).unwrap().is_valid(value)
        };
        assert!(fits(Some(&preview), &json!({"id": "ref_1"})));
        assert!(fits(Some(&preview), &json!({"id": true})));
        assert!(!fits(Some(&preview), &json!({"id": 1})));
        assert!(fits(None, &json!({"dry_run": true})));
        assert!(!fits(None, &json!({"dry_run": false})));
        assert!(!fits(None, &json!({"id": true})));
    }

    #[test]
    fn a_refusal_and_an_output_both_fit_what_is_advertised_and_nothing_else_does() {
        let output = json!({
            "type": "object",
            "properties": {"id": {"$ref": "#/$defs/Id"}},
            "required": ["id"],
            "$defs": {"Id": {"type": "string"}},
        });
        let schema =
            Value::Object((*advertised(output.as_object().unwrap(), Preview::None)).clone());
        let fits = |value: &Value| jsonschema::validator_for(&schema).unwrap().is_valid(value);
        let refusal = Refusal::new(Code::PermissionDenied, "no").to_json("r1");
        assert!(fits(&json!({"id": "ref_1"})));
        assert!(fits(&refusal));
        assert!(!fits(&json!({"id": 1})));
        assert!(!fits(&json!({})));
        assert!(!fits(&json!({"dry_run": true})), "this tool has no preview");
    }
}
