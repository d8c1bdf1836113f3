//! The output of a tool against its declaration.

use jsonschema::Validator;
use serde_json::Value;

use crate::canon::{Digest, canonical};
use crate::tool::spec::ToolSpec;
use crate::tool::{Block, Output};

use super::text::clean_text;

/// Why an output does not leave. For the record only: it may say what the tool does inside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GuardFault {
    #[error("the output is {size} bytes, more than the {most} the tool may return")]
    TooLarge { size: usize, most: u64 },
    #[error("the output breaks its schema at `{path}`: {message}")]
    Schema { path: String, message: String },
    #[error("the output has no structured content, and the tool has a schema for it")]
    Unstructured,
    #[error("the output has no canonical form")]
    NotCanonical,
    #[error("the output has two fields that differ in nothing a person can see")]
    HiddenField,
}

/// An output that may leave, with its digest for records and for the store.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) output: Output,
    pub(crate) digest: Digest,
}

/// Lets `output` through if it is what the tool's declaration says.
pub(crate) fn check(
    spec: &ToolSpec,
    schema: Option<&Validator>,
    mut output: Output,
) -> Result<Checked, GuardFault> {
    if schema.is_some() && output.structured.is_none() {
        return Err(GuardFault::Unstructured);
    }
    if let Some(value) = &mut output.structured {
        clean(value)?;
        // Whether it fits is much cheaper to tell than where it does not.
        if let Some(schema) = schema
            && !schema.is_valid(value)
        {
            let fault = schema.validate(value).err();
            return Err(GuardFault::Schema {
                path: fault.as_ref().map(|e| e.instance_path().to_string()).unwrap_or_default(),
                message: fault.map(|e| e.masked().to_string()).unwrap_or_default(),
            });
        }
    }
    output.clean_blocks(clean_text);
    let not_canonical = |_| GuardFault::NotCanonical;
    let structured =
        output.structured.as_ref().map(canonical).transpose().map_err(not_canonical)?;
    // Canonical, and so never larger than what is sent.
    let size = output.block_bytes().saturating_add(structured.as_ref().map_or(0, Vec::len));
    let most = spec.limits.max_output_bytes;
    if u64::try_from(size).unwrap_or(u64::MAX) > most {
        return Err(GuardFault::TooLarge { size, most });
    }
    let digest = digest(&output.blocks, structured.as_deref())?;
    Ok(Checked { output, digest })
}

/// The digest of the output's canonical form, around the part of it that is canonical already.
fn digest(blocks: &[Block], structured: Option<&[u8]>) -> Result<Digest, GuardFault> {
    let blocks = serde_json::to_value(blocks).map_err(|_| GuardFault::NotCanonical)?;
    let blocks = canonical(&blocks).map_err(|_| GuardFault::NotCanonical)?;
    let structured = structured.unwrap_or(b"null");
    Ok(Digest::of_parts([b"{\"blocks\":", &*blocks, b",\"structured\":", structured, b"}"]))
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

    #[test]
    fn the_digest_is_that_of_the_whole_output_in_its_canonical_form() {
        let text = Block::Text { text: "a \"b\"".to_owned() };
        for output in [
            Output {
                structured: Some(serde_json::json!({"b": 1, "a": ["x", 2.5]})),
                blocks: vec![],
            },
            Output { structured: None, blocks: vec![text.clone()] },
            Output { structured: Some(serde_json::json!({})), blocks: vec![text.clone(), text] },
        ] {
            let whole = Digest::of_value(&serde_json::to_value(&output).unwrap()).unwrap();
            let structured = output.structured.as_ref().map(|v| canonical(v).unwrap());
            assert_eq!(digest(&output.blocks, structured.as_deref()).unwrap(), whole);
        }
    }
}
