//! Stage 3: validate against the very schema that is advertised, then make the one value everything after uses.

use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::{Map, Value};

use super::call::{Incoming, Target};
use super::gate::Gate;
use super::record::Trail;
use super::refusal::{Code, Refusal};
use super::table::Served;
use crate::canon::{Digest, canonical_object, normalise};
use crate::context::CallContext;
use crate::tool::{Caller, Fault, PreparedCall};

/// How many faults one answer lists.
const MAX_FAULTS: usize = 20;

/// A call whose arguments hold what the schema says: canonical, digested, and typed.
pub(super) struct Valid {
    pub(super) caller: Caller,
    pub(super) cancelled: tokio_util::sync::CancellationToken,
    pub(super) arguments: Map<String, Value>,
    pub(super) prepared: Box<dyn PreparedCall>,
}

impl Gate {
    pub(super) fn validate(
        &self,
        tool: &Served,
        incoming: Incoming,
        trail: &mut Trail,
    ) -> Result<Valid, Refusal> {
        if let Some(key) = incoming.own_meta.first() {
            return Err(whole(format!(
                "`_meta` has a key of ours that is not known: {}",
                shown(key)
            )));
        }
        let arguments = match &incoming.target {
            // The variables of the template are the arguments; a caller can not add to them.
            Target::Resource(uri) => self.table.resource(uri).map(|(_, v)| v).unwrap_or_default(),
            Target::Tool(_) | Target::Prompt(_) => incoming.arguments,
        };
        let arguments = self.canonical_arguments(tool, arguments)?;
        let bytes = canonical_object(&arguments).map_err(|error| whole(error.to_string()))?;
        if bytes.len() > self.settings.max_argument_bytes {
            return Err(whole(format!("larger than {} bytes", self.settings.max_argument_bytes)));
        }
        trail.arguments(self, tool, &arguments, Digest::of_bytes(&bytes));
        let prepared = tool.bound.prepare(&arguments).map_err(invalid)?;
        let caller = Caller {
            principal: incoming.caller.shared(),
            context: CallContext::new(
                trail.request_id(),
                incoming.cancelled.clone(),
                incoming.progress,
            ),
        };
        Ok(Valid { caller, cancelled: incoming.cancelled, arguments, prepared })
    }

    /// Checks sizes, checks the schema, applies defaults, and spells every number one way.
    pub(super) fn canonical_arguments(
        &self,
        tool: &Served,
        arguments: Map<String, Value>,
    ) -> Result<Map<String, Value>, Refusal> {
        let arguments = Value::Object(arguments);
        if depth(&arguments, self.settings.max_argument_depth).is_none() {
            return Err(whole(format!(
                "nested deeper than {} levels",
                self.settings.max_argument_depth
            )));
        }
        let arguments = normalise(arguments).map_err(|error| whole(error.to_string()))?;
        if !tool.input.is_valid(&arguments) {
            return Err(invalid(faults(tool, &arguments)));
        }
        let Value::Object(mut arguments) = arguments else {
            return Err(whole("the arguments are no JSON object".to_owned()));
        };
        for (name, value) in &tool.defaults {
            if !arguments.contains_key(*name) {
                arguments.insert((*name).to_owned(), value.clone());
            }
        }
        Ok(arguments)
    }
}

/// One fault of the arguments as a whole.
fn whole(message: String) -> Refusal {
    invalid(vec![Fault { path: String::new(), message }])
}

fn invalid(faults: Vec<Fault>) -> Refusal {
    Refusal::new(Code::InvalidArguments, "the arguments do not match the tool's input schema")
        .remedy("correct the arguments as `faults` says and call again")
        .faults(faults)
}

/// All faults with their paths. jsonschema's own words would echo values, which are the model's and may be hostile.
fn faults(tool: &Served, arguments: &Value) -> Vec<Fault> {
    tool.input
        .iter_errors(arguments)
        .take(MAX_FAULTS)
        .map(|error| {
            let message = match error.kind() {
                Kind::UnevaluatedProperties { unexpected }
                | Kind::AdditionalProperties { unexpected } => {
                    let names: Vec<String> = unexpected.iter().take(5).map(|n| shown(n)).collect();
                    format!("unknown field: {}", names.join(", "))
                }
                Kind::Required { property } => {
                    format!("the field `{}` is missing", property.as_str().unwrap_or_default())
                }
                _ => error.masked().to_string(),
            };
            Fault { path: error.instance_path().to_string(), message }
        })
        .collect()
}

/// A name out of a request, safe to print and short.
fn shown(name: &str) -> String {
    let plain: String =
        name.chars()
            .take(40)
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/') {
                    c
                } else {
                    '?'
                }
            })
            .collect();
    format!("`{plain}`")
}

/// The depth of `value`, unless it is deeper than `most`.
fn depth(value: &Value, most: usize) -> Option<usize> {
    let below = match value {
        Value::Array(items) => {
            most.checked_sub(1).map(|m| items.iter().try_fold(0, |d, v| Some(d.max(depth(v, m)?))))
        }
        Value::Object(map) => {
            most.checked_sub(1).map(|m| map.values().try_fold(0, |d, v| Some(d.max(depth(v, m)?))))
        }
        _ => return Some(0),
    };
    below.flatten().map(|d: usize| d + 1)
}
