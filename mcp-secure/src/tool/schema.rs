//! The schemas a client sees, made from the declaration and the types: what they say is what is enforced.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::fields::Fault;
use super::input::InputType;
use super::output::OutputType;
use super::reserved;
use super::spec::{Bound, InputSpec, ToolSpec};
use crate::canon::MAX_SAFE_INTEGER;

/// Longest string where nothing else is said, in characters.
const DEFAULT_MAX_LENGTH: u64 = 4096;
/// Longest list where nothing else is said.
const DEFAULT_MAX_ITEMS: u64 = 256;
/// Most entries of a map where nothing else is said.
const DEFAULT_MAX_PROPERTIES: u64 = 64;

type Object = Map<String, Value>;

/// The input schema (JSON Schema 2020-12): closed at every depth, bounded everywhere, descriptions from doc comments.
pub(crate) fn input_schema(spec: &ToolSpec, types: &[InputType]) -> Result<Value, Vec<Fault>> {
    let mut generator = generator(false);
    let mut faults = Vec::new();
    let mut root = if let (true, [only]) = (spec.inputs.iter().any(|i| i.whole), types) {
        let Value::Object(root) = (only.schema)(&mut generator).to_value() else {
            return Err(vec![fault("", "the input marked `#[input]` accepts anything")]);
        };
        root
    } else {
        separate_inputs(spec, types, &mut generator)
    };
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    if root.get("type") != Some(&json!("object")) {
        faults.push(fault("", "the arguments are no JSON object"));
    }
    root.remove("title");
    root.remove("$schema");
    let broad = spec.broad.is_some();
    let mut schema = Value::Object(root);
    close(&mut schema, Place::Value, "", broad, &mut faults);
    if spec.dry_run.is_some() {
        faults.extend(reserved::add(&mut schema).err());
    }
    if faults.is_empty() { Ok(schema) } else { Err(faults) }
}

/// The output schema, where the tool returns structured content.
pub(crate) fn output_schema(output: OutputType) -> Result<Option<Value>, Vec<Fault>> {
    let mut generator = generator(true);
    let Some(schema) = (output.schema)(&mut generator) else {
        return Ok(None);
    };
    let Value::Object(mut root) = schema.to_value() else {
        return Err(vec![fault("", "the output's schema accepts anything")]);
    };
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    // MCP before 2026-07-28 takes objects only, and wants the word said even beside `oneOf`.
    root.entry("type").or_insert_with(|| json!("object"));
    if root.get("type") != Some(&json!("object")) {
        return Err(vec![fault("", "the output is no JSON object; wrap it in a struct")]);
    }
    Ok(Some(Value::Object(root)))
}

/// The default of each input that has one. A text that is no JSON is a fault of the declaration.
pub(crate) fn default_arguments(spec: &ToolSpec) -> Result<Vec<(&'static str, Value)>, Vec<Fault>> {
    let mut defaults = Vec::new();
    let mut faults = Vec::new();
    for input in spec.inputs {
        let Some(text) = input.default else { continue };
        match serde_json::from_str(text) {
            Ok(value) => defaults.push((input.name, value)),
            Err(_) => {
                faults.push(fault(&format!("/{}", input.name), "the default is no JSON value"));
            }
        }
    }
    if faults.is_empty() { Ok(defaults) } else { Err(faults) }
}

fn generator(serialize: bool) -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    if serialize {
        settings = settings.for_serialize();
    }
    settings.into_generator()
}

fn separate_inputs(
    spec: &ToolSpec,
    types: &[InputType],
    generator: &mut SchemaGenerator,
) -> Object {
    let mut properties = Object::new();
    let mut required = Vec::new();
    for (input, input_type) in spec.inputs.iter().zip(types) {
        let mut schema = (input_type.schema)(generator).to_value();
        if schema == Value::Bool(true) {
            schema = json!({});
        }
        let optional = input.default.is_some() || accepts_null(&schema);
        if let Value::Object(schema) = &mut schema {
            apply(input, schema);
        }
        properties.insert(input.name.to_owned(), schema);
        if !optional {
            required.push(Value::from(input.name));
        }
    }
    let mut root = Object::new();
    root.insert("type".to_owned(), json!("object"));
    root.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        root.insert("required".to_owned(), Value::Array(required));
    }
    root
}

fn accepts_null(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(t)) => t == "null",
        Some(Value::Array(types)) => types.iter().any(|t| t == "null"),
        _ => {
            ["anyOf", "oneOf"].iter().any(|key| {
                schema
                    .get(key)
                    .and_then(Value::as_array)
                    .is_some_and(|any| any.iter().any(accepts_null))
            }) || schema
                .get("enum")
                .and_then(Value::as_array)
                .is_some_and(|e| e.contains(&Value::Null))
        }
    }
}

/// Writes what `#[arg]` says about an input into its schema.
fn apply(input: &InputSpec, schema: &mut Object) {
    schema.remove("title");
    if !input.description.is_empty() {
        schema.insert("description".to_owned(), input.description.into());
    }
    let list = schema.get("type").is_some_and(|t| t == "array" || t == &json!(["array", "null"]));
    let (shortest, longest) =
        if list { ("minItems", "maxItems") } else { ("minLength", "maxLength") };
    if let Some(min) = input.min {
        raise(schema, "minimum", bound(min));
    }
    if let Some(max) = input.max {
        lower(schema, "maximum", bound(max));
    }
    if let Some(min) = input.min_len {
        raise(schema, shortest, min.into());
    }
    if let Some(max) = input.max_len {
        lower(schema, longest, max.into());
    }
    if let Some(pattern) = input.pattern {
        schema.insert("pattern".to_owned(), pattern.into());
    }
    if !input.one_of.is_empty() {
        let values = input.one_of.iter().filter_map(|text| serde_json::from_str(text).ok());
        schema.insert("enum".to_owned(), Value::Array(values.collect()));
    }
    if let Some(default) = input.default.and_then(|text| serde_json::from_str(text).ok()) {
        schema.insert("default".to_owned(), default);
    }
}

fn bound(bound: Bound) -> Value {
    match bound {
        Bound::Int(i) => i.into(),
        Bound::Float(f) => f.into(),
    }
}

/// A lower bound already there stays if it is stricter.
fn raise(schema: &mut Object, key: &str, to: Value) {
    if number(schema.get(key)).is_none_or(|now| number(Some(&to)).is_some_and(|to| to > now)) {
        schema.insert(key.to_owned(), to);
    }
}

/// An upper bound already there stays if it is stricter.
fn lower(schema: &mut Object, key: &str, to: Value) {
    if number(schema.get(key)).is_none_or(|now| number(Some(&to)).is_some_and(|to| to < now)) {
        schema.insert(key.to_owned(), to);
    }
}

fn number(value: Option<&Value>) -> Option<f64> {
    value.and_then(Value::as_f64)
}

/// Where a schema stands: at a value, whose unknown fields are refused there, or as a part of one, where refusing
/// would refuse valid tagged values.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Value,
    Part,
}

/// Closes objects and bounds everything, in place.
fn close(schema: &mut Value, place: Place, path: &str, broad: bool, faults: &mut Vec<Fault>) {
    let Value::Object(schema) = schema else {
        if !broad {
            faults.push(fault(
                path,
                "accepts any JSON; use a type with named fields, or say `broad`",
            ));
        }
        return;
    };
    bound_scalars(schema);
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(Value::Array(parts)) = schema.get_mut(key) {
            for part in parts {
                close(part, Place::Part, path, broad, faults);
            }
        }
    }
    if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
        for (name, part) in definitions {
            close(part, Place::Part, &format!("{path}/$defs/{name}"), broad, faults);
        }
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties {
            close(property, Place::Value, &format!("{path}/{name}"), broad, faults);
        }
    }
    if let Some(items) =
        schema.get_mut("items").filter(|i| i.is_object() || **i == Value::Bool(true))
    {
        close(items, Place::Value, &format!("{path}/items"), broad, faults);
    }
    if let Some(Value::Array(items)) = schema.get_mut("prefixItems") {
        for item in items {
            close(item, Place::Value, &format!("{path}/items"), broad, faults);
        }
    }
    close_object(schema, place, path, broad, faults);
    if !broad && says_nothing(schema) {
        faults.push(fault(path, "accepts any JSON; use a type with named fields, or say `broad`"));
    }
}

fn close_object(
    schema: &mut Object,
    place: Place,
    path: &str,
    broad: bool,
    faults: &mut Vec<Fault>,
) {
    let open = match schema.get_mut("additionalProperties") {
        Some(Value::Bool(false)) => {
            // `additionalProperties` cannot see past `oneOf`; `unevaluatedProperties` below can.
            schema.remove("additionalProperties");
            false
        }
        Some(Value::Bool(true)) => true,
        Some(values) => {
            close(values, Place::Value, &format!("{path}/*"), broad, faults);
            schema.entry("maxProperties").or_insert_with(|| DEFAULT_MAX_PROPERTIES.into());
            return;
        }
        None => false,
    };
    if open && !broad {
        faults.push(fault(path, "accepts any field; name the fields, or say `broad`"));
    }
    let may_be_object = has_type(schema, "object")
        || ["properties", "oneOf", "anyOf", "allOf", "$ref"]
            .iter()
            .any(|k| schema.contains_key(*k));
    if place == Place::Value && may_be_object && !open {
        schema.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
    }
}

fn says_nothing(schema: &Object) -> bool {
    !["type", "enum", "const", "oneOf", "anyOf", "allOf", "$ref", "properties", "not"]
        .iter()
        .any(|key| schema.contains_key(*key))
}

fn has_type(schema: &Object, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(t)) => t == name,
        Some(Value::Array(types)) => types.iter().any(|t| t == name),
        _ => false,
    }
}

fn bound_scalars(schema: &mut Object) {
    let fixed = schema.contains_key("enum") || schema.contains_key("const");
    if has_type(schema, "string") && !fixed {
        schema.entry("maxLength").or_insert_with(|| DEFAULT_MAX_LENGTH.into());
    }
    if has_type(schema, "array") {
        schema.entry("maxItems").or_insert_with(|| DEFAULT_MAX_ITEMS.into());
    }
    if has_type(schema, "integer") && !fixed {
        let (min, max) = integer_range(schema.get("format").and_then(Value::as_str));
        raise(schema, "minimum", min.into());
        lower(schema, "maximum", max.into());
        // The range says it already, and readers disagree on what these formats mean.
        schema.remove("format");
    }
    if has_type(schema, "number") {
        schema.remove("format");
    }
}

/// The range of Rust's integer, held to what JSON readers agree on.
fn integer_range(format: Option<&str>) -> (i64, i64) {
    match format {
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("uint8") => (0, u8::MAX.into()),
        Some("int16") => (i16::MIN.into(), i16::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("uint64" | "uint" | "uint128") => (0, MAX_SAFE_INTEGER),
        _ => (-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER),
    }
}

fn fault(path: &str, message: &str) -> Fault {
    Fault { path: path.to_owned(), message: message.to_owned() }
}
