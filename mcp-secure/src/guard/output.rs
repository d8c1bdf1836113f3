//! The output of a tool against its declaration.

use jsonschema::Validator;
use serde_json::Value;

use crate::canon::{Digest, canonical};
use crate::tool::Output;
use crate::tool::spec::ToolSpec;

use super::text::clean_text;

/// Why an output does not leave. For the record only: it may say what the tool does inside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GuardFault {
    #[error("the output is {size} bytes, more than the {most} the tool may return")]
    TooLarge { size: usize, most: u64 },
    #[error("the output breaks its schema at `{path}`: {message}")]
    Schema { path: String, message: String },
    #[error("the output has no canonical form")]
    NotCanonical,
    #[error("the output has two fields that differ in nothing a person can see")]
    HiddenField,
}

/// Lets `output` through if it is what the tool's declaration says.
pub(crate) fn check(
    spec: &ToolSpec,
    schema: Option<&Validator>,
    mut output: Output,
) -> Result<Output, GuardFault> {
    if let Some(value) = &mut output.structured {
        clean(value)?;
        if let Some(schema) = schema
            && let Err(error) = schema.validate(value)
        {
            return Err(GuardFault::Schema {
                path: error.instance_path().to_string(),
                message: error.masked().to_string(),
            });
        }
    }
    output.clean_blocks(clean_text);
    let size = size(&output)?;
    let most = spec.limits.max_output_bytes;
    if u64::try_from(size).unwrap_or(u64::MAX) > most {
        return Err(GuardFault::TooLarge { size, most });
    }
    Ok(output)
}

fn size(output: &Output) -> Result<usize, GuardFault> {
    let mut size = output.block_bytes();
    if let Some(value) = &output.structured {
        // Canonical, and so never larger than what is sent.
        size = size.saturating_add(canonical(value).map_err(|_| GuardFault::NotCanonical)?.len());
    }
    Ok(size)
}

/// The digest of an output, for records.
pub(crate) fn digest(output: &Output) -> Option<Digest> {
    Digest::of_value(&serde_json::to_value(output).ok()?).ok()
}

fn clean(value: &mut Value) -> Result<(), GuardFault> {
    match value {
        Value::String(text) => {
            if let Some(clean) = clean_text(text) {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().try_for_each(clean)?,
        Value::Object(map) => {
            map.values_mut().try_for_each(clean)?;
            // The keys of a map may be of outside origin too.
            let hidden: Vec<(String, String)> =
                map.keys().filter_map(|key| Some((key.clone(), clean_text(key)?))).collect();
            for (key, shown) in hidden {
                if map.contains_key(&shown) {
                    return Err(GuardFault::HiddenField);
                }
                if let Some(value) = map.remove(&key) {
                    map.insert(shown, value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_map_hide_nothing_either() {
        let mut value = serde_json::json!({"deep": [{"a\u{202e}b": 1}]});
        clean(&mut value).unwrap();
        assert_eq!(value, serde_json::json!({"deep": [{"ab": 1}]}));
        let mut twins = serde_json::json!({"ab": 1, "a\u{200b}b": 2});
        assert_eq!(clean(&mut twins), Err(GuardFault::HiddenField));
    }
}
