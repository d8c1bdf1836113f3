//! Stage 3: validate against the very schema that is advertised, then make the one value everything after uses.

use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::{Map, Value};

use super::call::{Channel, Incoming, Resumes, Target};
use super::gate::Gate;
use super::idempotency::client_key;
use super::record::Trail;
use super::refusal::{Code, Refusal};
use super::table::Served;
use crate::canon::{Digest, canonical_object, normalise};
use crate::context::CallContext;
use crate::tool::{Caller, DRY_RUN, Fault, PreparedCall};

/// How many faults one answer lists.
const MAX_FAULTS: usize = 20;

/// A call whose arguments hold what the schema says: canonical, digested, and typed.
pub(super) struct Valid {
    pub(super) caller: Caller,
    pub(super) cancelled: tokio_util::sync::CancellationToken,
    pub(super) arguments: Map<String, Value>,
    /// Of the arguments, in canonical form.
    pub(super) digest: Digest,
    /// The client's name for this call.
    pub(super) client_key: Option<String>,
    pub(super) channel: Channel,
    pub(super) resumes: Option<Resumes>,
    pub(super) prepared: Box<dyn PreparedCall>,
    /// The caller asks what the call would do, and wants nothing done.
    pub(super) dry_run: bool,
}

impl Gate {
    pub(super) fn validate(
        &self,
        tool: &Served,
        incoming: Incoming,
        trail: &mut Trail,
    ) -> Result<Valid, Refusal> {
        let client_key = client_key(tool, &incoming.own_meta).map_err(whole)?;
        let arguments = match &incoming.target {
            // The variables of the template are the arguments; a caller can not add to them.
            Target::Resource(uri) => self.table.resource(uri).map(|(_, v)| v).unwrap_or_default(),
            Target::Tool(_) | Target::Prompt(_) => incoming.arguments,
        };
        let mut arguments = self.canonical_arguments(tool, arguments)?;
        // Taken out before anything is digested, judged or recorded: the call is the same one with it and without.
        let dry_run = tool.spec.dry_run.is_some()
            && arguments.remove(DRY_RUN).is_some_and(|wish| wish != Value::Bool(false));
        if dry_run {
            trail.detail(DRY_RUN, true.into());
        }
        let bytes = canonical_object(&arguments).map_err(|error| whole(error.to_string()))?;
        if bytes.len() > self.settings.max_argument_bytes {
            return Err(whole(too_large(self.settings.max_argument_bytes)));
        }
        let digest = Digest::of_bytes(&bytes);
        trail.arguments(self, tool, &arguments, digest);
        let prepared = tool.bound.prepare(&arguments).map_err(invalid)?;
        let caller = Caller {
            principal: incoming.caller.shared(),
            context: CallContext::new(
                trail.request_id(),
                incoming.cancelled.clone(),
                incoming.progress,
            ),
        };
        Ok(Valid {
            caller,
            cancelled: incoming.cancelled,
            arguments,
            digest,
            client_key,
            channel: incoming.channel,
            resumes: incoming.resumes,
            prepared,
            dry_run,
        })
    }

    /// Checks sizes, checks the schema, applies defaults, and spells every number one way.
    pub(super) fn canonical_arguments(
        &self,
        tool: &Served,
        arguments: Map<String, Value>,
    ) -> Result<Map<String, Value>, Refusal> {
        let arguments = Value::Object(arguments);
        let (most, mut budget) =
            (self.settings.max_argument_depth, self.settings.max_argument_bytes);
        measure(&arguments, most, &mut budget).map_err(|too_much| {
            whole(match too_much {
                TooMuch::Depth => format!("nested deeper than {most} levels"),
                TooMuch::Bytes => too_large(self.settings.max_argument_bytes),
            })
        })?;
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

fn too_large(most: usize) -> String {
    format!("larger than {most} bytes")
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
pub(super) fn shown(name: &str) -> String {
    format!("`{}`", plain(name))
}

/// The same without the quotes.
pub(super) fn plain(name: &str) -> String {
    name.chars()
        .take(40)
        .map(
            |c| {
                if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/') {
                    c
                } else {
                    '?'
                }
            },
        )
        .collect()
}

/// Why arguments are not even looked at.
enum TooMuch {
    Depth,
    Bytes,
}

/// Walks `value` once, before any schema or pattern meets it. `budget` is the bytes its canonical form may still take;
/// what is counted here is less than that form, so nothing is refused that would fit.
fn measure(value: &Value, depth: usize, budget: &mut usize) -> Result<(), TooMuch> {
    let mut spend = |bytes: usize| {
        *budget = budget.checked_sub(bytes).ok_or(TooMuch::Bytes)?;
        Ok(())
    };
    match value {
        Value::String(text) => spend(text.len().saturating_add(2)),
        Value::Null | Value::Bool(_) | Value::Number(_) => spend(1),
        Value::Array(items) => {
            spend(2)?;
            let below = depth.checked_sub(1).ok_or(TooMuch::Depth)?;
            items.iter().try_for_each(|item| measure(item, below, budget))
        }
        Value::Object(map) => {
            spend(2)?;
            let below = depth.checked_sub(1).ok_or(TooMuch::Depth)?;
            map.iter().try_for_each(|(name, item)| {
                *budget = budget.checked_sub(name.len().saturating_add(3)).ok_or(TooMuch::Bytes)?;
                measure(item, below, budget)
            })
        }
    }
}
