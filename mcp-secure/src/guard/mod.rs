//! The last look at what leaves the server: its size, its schema, its characters.

use jsonschema::Validator;
use serde_json::Value;

use crate::canon::{Digest, canonical};
use crate::tool::Output;
use crate::tool::spec::ToolSpec;

/// Why an output does not leave. For the record only: it may say what the tool does inside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GuardFault {
    #[error("the output is {size} bytes, more than the {most} the tool may return")]
    TooLarge { size: usize, most: u64 },
    #[error("the output breaks its schema at `{path}`: {message}")]
    Schema { path: String, message: String },
    #[error("the output has no canonical form")]
    NotCanonical,
}

/// Lets `output` through if it is what the tool's declaration says.
pub(crate) fn check(
    spec: &ToolSpec,
    schema: Option<&Validator>,
    mut output: Output,
) -> Result<Output, GuardFault> {
    if let Some(value) = &mut output.structured {
        clean(value);
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

/// Text of an error that a tool chose to show, without what could disguise it, and short.
pub(crate) fn public_text(text: &str) -> String {
    let cut: String = text.chars().take(500).collect();
    clean_text(&cut).unwrap_or(cut)
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(clean) = clean_text(text) {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(map) => map.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `text` without the characters that a reader does not see and a model does; `None` where there are none.
fn clean_text(text: &str) -> Option<String> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b) || b == b'\n' || b == b'\t') {
        return None;
    }
    if !text.chars().any(is_unsafe) {
        return None;
    }
    Some(text.chars().filter(|c| !is_unsafe(*c)).collect())
}

/// Control characters but for line feed and tab, bidirectional controls, zero-width and other invisible characters, and
/// Unicode tags, in which whole hidden messages are written.
fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        | '\u{f0000}'..='\u{10ffff}' | '\u{e000}'..='\u{f8ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_hide_from_people_are_taken_out() {
        let hostile = "pay\u{202e}lla\u{200b} \u{e0041}now\u{1b}[2J\u{7}\nthen";
        assert_eq!(clean_text(hostile).unwrap(), "paylla now[2J\nthen");
        assert_eq!(clean_text("Zoë 日本 ok"), None);
    }
}
