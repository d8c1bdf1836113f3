//! The types policies see: from JSON Schema to Cedar, and values along with them.

use std::collections::BTreeMap;

use cedar_policy::RestrictedExpression;
use serde_json::{Map, Value, json};

/// How deep a JSON Schema is followed, so that a recursive one ends. What lies deeper is left out of what policies see.
const MAX_DEPTH: usize = 8;

/// A type that Cedar can express.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Bool,
    Long,
    String,
    Set(Box<Shape>),
    Record(Record),
}

/// A record's attributes, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record(pub(super) BTreeMap<String, Attribute>);

/// An attribute's type, and whether it is always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) shape: Shape,
    pub(super) required: bool,
}

/// A value does not have the type the schema gave it. Names where, never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mismatch(pub(super) String);

impl Shape {
    /// Reads `String`, `Long`, `Bool`, `Set<String>`.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "String" => Self::String,
            "Long" => Self::Long,
            "Bool" => Self::Bool,
            set => {
                let element = set.strip_prefix("Set<")?.strip_suffix('>')?;
                Self::Set(Box::new(Self::from_word(element)?))
            }
        })
    }

    /// As a type in a Cedar schema.
    pub(super) fn to_schema(&self) -> Value {
        match self {
            Self::Bool => json!({"type": "Boolean"}),
            Self::Long => json!({"type": "Long"}),
            Self::String => json!({"type": "String"}),
            Self::Set(element) => json!({"type": "Set", "element": element.to_schema()}),
            Self::Record(record) => record.to_schema(),
        }
    }

    /// The value, if it is of this type. Never another type in its place: a policy that was checked against this type
    /// would fail on it, or not match.
    pub(super) fn express(
        &self,
        value: &Value,
        name: &str,
    ) -> Result<RestrictedExpression, Mismatch> {
        let mismatch = || Self::mismatch(name);
        match (self, value) {
            (Self::Bool, Value::Bool(b)) => Ok(RestrictedExpression::new_bool(*b)),
            (Self::Long, Value::Number(n)) => {
                n.as_i64().map(RestrictedExpression::new_long).ok_or_else(mismatch)
            }
            (Self::String, Value::String(s)) => Ok(RestrictedExpression::new_string(s.clone())),
            (Self::Set(element), Value::Array(items)) => items
                .iter()
                .map(|item| element.express(item, name))
                .collect::<Result<Vec<_>, _>>()
                .map(RestrictedExpression::new_set),
            (Self::Record(record), Value::Object(map)) => {
                RestrictedExpression::new_record(record.express(map)?).map_err(|_| mismatch())
            }
            _ => Err(mismatch()),
        }
    }

    pub(super) fn mismatch(name: &str) -> Mismatch {
        Mismatch(format!("`{name}` is not of the type its schema says"))
    }
}

impl Record {
    pub(super) fn to_schema(&self) -> Value {
        let attributes: Map<String, Value> = self
            .0
            .iter()
            .map(|(name, attribute)| {
                let mut schema = attribute.shape.to_schema();
                if !attribute.required
                    && let Value::Object(schema) = &mut schema
                {
                    schema.insert("required".to_owned(), Value::Bool(false));
                }
                (name.clone(), schema)
            })
            .collect();
        json!({"type": "Record", "attributes": attributes})
    }

    /// The attributes of `map` that policies may name. What the schema does not have is left out: no policy that
    /// passed the check can name it.
    pub(super) fn express(
        &self,
        map: &Map<String, Value>,
    ) -> Result<Vec<(String, RestrictedExpression)>, Mismatch> {
        let mut pairs = Vec::with_capacity(self.0.len());
        for (name, attribute) in &self.0 {
            match map.get(name) {
                None | Some(Value::Null) if !attribute.required => {}
                None => return Err(Mismatch(format!("`{name}` is missing"))),
                Some(value) => pairs.push((name.clone(), attribute.shape.express(value, name)?)),
            }
        }
        Ok(pairs)
    }

    /// The arguments of a tool, from their JSON Schema. Inputs Cedar has no type for are left out, so a policy that
    /// names one does not pass the check.
    pub(super) fn of_arguments(schema: &Value) -> Self {
        Reader { root: schema }.record(schema, 0).unwrap_or_default()
    }
}

struct Reader<'a> {
    root: &'a Value,
}

/// A type, and whether `null` is allowed too.
type Found = Option<(Shape, bool)>;

impl Reader<'_> {
    fn shape(&self, schema: &Value, depth: usize) -> Found {
        if depth > MAX_DEPTH {
            return None;
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = self.root.pointer(reference.strip_prefix('#')?)?;
            return self.shape(target, depth + 1);
        }
        for word in ["anyOf", "oneOf", "allOf"] {
            if let Some(branches) = schema.get(word).and_then(Value::as_array) {
                return self.branches(branches, depth);
            }
        }
        if let Some(constant) = schema.get("const") {
            return scalar(constant);
        }
        match schema.get("type") {
            Some(Value::String(name)) => Some((self.named(name, schema, depth)?, false)),
            Some(Value::Array(names)) => self.nullable(names, schema, depth),
            Some(_) => None,
            None => {
                let values = schema.get("enum").and_then(Value::as_array)?;
                agree(values.iter().map(scalar))
            }
        }
    }

    fn nullable(&self, names: &[Value], schema: &Value, depth: usize) -> Found {
        let others: Vec<&str> =
            names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect();
        match others.as_slice() {
            [one] => Some((self.named(one, schema, depth)?, others.len() < names.len())),
            _ => None,
        }
    }

    fn named(&self, name: &str, schema: &Value, depth: usize) -> Option<Shape> {
        Some(match name {
            "string" => Shape::String,
            "integer" => Shape::Long,
            "boolean" => Shape::Bool,
            "array" => match self.shape(schema.get("items")?, depth + 1)? {
                (element, false) => Shape::Set(Box::new(element)),
                (_, true) => return None,
            },
            "object" => Shape::Record(self.record(schema, depth)?),
            _ => return None,
        })
    }

    /// Branches that all say the same type, `null` aside. Otherwise there is no type to check a policy against.
    fn branches(&self, branches: &[Value], depth: usize) -> Found {
        let is_null = |b: &&Value| b.get("type").and_then(Value::as_str) == Some("null");
        let has_null = branches.iter().any(|b| is_null(&b));
        let others = branches.iter().filter(|b| !is_null(b));
        let (shape, nullable) = agree(others.map(|b| self.shape(b, depth + 1)))?;
        // Records of several variants would each have to be told apart by the policy.
        if matches!(shape, Shape::Record(_)) && branches.len() - usize::from(has_null) > 1 {
            return None;
        }
        Some((shape, nullable || has_null))
    }

    fn record(&self, schema: &Value, depth: usize) -> Option<Record> {
        let properties = schema.get("properties")?.as_object()?;
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let mut record = Record::default();
        for (name, property) in properties {
            let Some((shape, nullable)) = self.shape(property, depth + 1) else { continue };
            // Defaults are applied at the top only, before authorisation.
            let defaulted =
                depth == 0 && property.get("default").is_some_and(|default| !default.is_null());
            let present = required.contains(&name.as_str()) || defaulted;
            record.0.insert(name.clone(), Attribute { shape, required: present && !nullable });
        }
        Some(record)
    }
}

fn scalar(value: &Value) -> Found {
    match value {
        Value::Bool(_) => Some((Shape::Bool, false)),
        Value::Number(n) if n.is_i64() => Some((Shape::Long, false)),
        Value::String(_) => Some((Shape::String, false)),
        _ => None,
    }
}

/// The one type all of them are of.
fn agree(found: impl Iterator<Item = Found>) -> Found {
    let mut result: Found = None;
    for one in found {
        let (shape, nullable) = one?;
        result = match result {
            None => Some((shape, nullable)),
            Some((first, before)) if first == shape => Some((first, before || nullable)),
            Some(_) => return None,
        };
    }
    result
}
