//! The input that the server adds to a tool with a preview, and to no other.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::fields::Fault;

/// The reserved input, by which a client asks for the preview.
pub(crate) const DRY_RUN: &str = "dry_run";

/// Adds the reserved input to a tool's finished input schema, unless the tool has a field of that name: nobody could
/// tell which of the two a client meant.
pub(super) fn add(schema: &mut Value) -> Result<(), Fault> {
    if has_field(schema, schema, &mut BTreeSet::new()) {
        return Err(Fault {
            path: format!("/{DRY_RUN}"),
            message: "`dry_run` is the input that the server adds for the control of that name; rename the field"
                .to_owned(),
        });
    }
    let wish = json!({
        "type": "boolean",
        "default": false,
        "description": "True asks what this call would do: it answers with a preview and changes nothing. False or left \
            out, the call is carried out.",
    });
    let properties = schema
        .as_object_mut()
        .map(|root| root.entry("properties").or_insert_with(|| Value::Object(Map::new())));
    if let Some(Value::Object(properties)) = properties {
        properties.insert(DRY_RUN.to_owned(), wish);
    }
    Ok(())
}

/// Whether the object that `schema` describes, by itself or through a part of it, has a field of the reserved name.
fn has_field<'a>(schema: &'a Value, root: &'a Value, seen: &mut BTreeSet<&'a str>) -> bool {
    if schema.get("properties").is_some_and(|fields| fields.get(DRY_RUN).is_some()) {
        return true;
    }
    let parts = ["oneOf", "anyOf", "allOf"]
        .iter()
        .filter_map(|key| schema.get(*key).and_then(Value::as_array))
        .flatten();
    if parts.into_iter().any(|part| has_field(part, root, seen)) {
        return true;
    }
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return false };
    let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
    target.is_some_and(|target| seen.insert(reference) && has_field(target, root, seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_the_reserved_name_is_found_wherever_the_object_has_it() {
        let field = json!({"properties": {"dry_run": {"type": "boolean"}}});
        for mut schema in [
            field.clone(),
            json!({"oneOf": [{"type": "object"}, field]}),
            json!({"allOf": [{"$ref": "#/$defs/Part"}], "$defs": {"Part": field}}),
        ] {
            assert_eq!(add(&mut schema).unwrap_err().path, "/dry_run", "{schema}");
        }
        // One within a field is another matter, and a reference to itself ends.
        let mut schema = json!({
            "$ref": "#/$defs/Part",
            "$defs": {"Part": {"anyOf": [{"$ref": "#/$defs/Part"}]}},
            "properties": {"deep": field},
        });
        add(&mut schema).unwrap();
        assert_eq!(schema["properties"]["dry_run"]["type"], "boolean");
    }
}
