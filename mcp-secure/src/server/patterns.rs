//! The regular expressions of schemas, compiled before anything is served.

use mcp_secure_rules::Code;
use serde_json::{Map, Value, json};

use crate::catalog::{Described, StartFault};

/// Patterns that are no regular expressions of the engine that validates by them. The macro can not know it: a pattern may
/// come from any type of any crate.
pub(super) fn broken(tools: &[Described]) -> Vec<StartFault> {
    let mut faults = Vec::new();
    for tool in tools {
        let schemas = [
            ("input", Some(&tool.input_schema)),
            ("output", tool.output_schema.as_ref()),
            ("preview", tool.preview_schema.as_ref()),
        ];
        for (what, schema) in schemas {
            let mut found = Vec::new();
            if let Some(schema) = schema {
                walk(schema, "", &mut found);
            }
            faults.extend(found.into_iter().map(|(place, pattern)| {
                let why = format!(
                    "{what} `{place}`: the pattern `{pattern}` is no regular expression; correct it"
                );
                StartFault::tool(tool.spec.name, why).code(Code::PATTERN.as_str())
            }));
        }
    }
    faults
}

/// Keywords whose value is data and no schema, whatever it looks like.
const DATA: [&str; 4] = ["const", "default", "enum", "examples"];

/// Walks a schema, and takes down each pattern that does not compile with its place.
fn walk(schema: &Map<String, Value>, place: &str, found: &mut Vec<(String, String)>) {
    let mut look_at = |pattern: &str| {
        if jsonschema::draft202012::new(&json!({ "pattern": pattern })).is_err() {
            found.push((place.to_owned(), pattern.to_owned()));
        }
    };
    if let Some(Value::String(pattern)) = schema.get("pattern") {
        look_at(pattern);
    }
    if let Some(Value::Object(fields)) = schema.get("patternProperties") {
        fields.keys().for_each(|pattern| look_at(pattern));
    }
    for (keyword, value) in schema.iter().filter(|(keyword, _)| !DATA.contains(&keyword.as_str())) {
        match value {
            // Of these the keys are names, and a field may be called `pattern`.
            Value::Object(named)
                if matches!(keyword.as_str(), "properties" | "patternProperties" | "$defs") =>
            {
                for (name, below) in named {
                    if let Value::Object(below) = below {
                        walk(below, &format!("{place}/{name}"), found);
                    }
                }
            }
            Value::Object(below) => walk(below, &below_of(place, keyword), found),
            Value::Array(parts) => {
                for part in parts.iter().filter_map(Value::as_object) {
                    walk(part, place, found);
                }
            }
            _ => {}
        }
    }
}

/// Items are told apart from the list; the parts of a choice are at the place of the whole.
fn below_of(place: &str, keyword: &str) -> String {
    if keyword == "items" { format!("{place}/items") } else { place.to_owned() }
}
