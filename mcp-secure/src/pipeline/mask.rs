//! What a preview repeats of a sensitive input.
//!
//! The values are the caller's, so whoever makes the call chooses what is masked. Therefore as little as possible is: a
//! short text, a number or a flag occurs everywhere, and masking it would hide from deciders what they decide about.

use serde_json::{Map, Number, Value};

/// What stands in place of a sensitive value, as in the arguments that people are shown.
const MASK: &str = "[masked]";
/// From so many characters on, a text is masked within other texts too.
const WITHIN_FROM: usize = 4;

/// What people may see of a preview.
#[derive(Debug, PartialEq)]
pub(super) struct Veiled {
    pub(super) shown: Value,
    /// How many places were masked.
    pub(super) masked: u64,
}

/// The name of a field holds a sensitive value. Masked, it could become the name of another field, and one of the two
/// would vanish.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the name of a field of the preview holds a sensitive value")]
pub(super) struct SecretName;

/// `output`, a preview as it is kept, without the values of the `sensitive` arguments.
///
/// Texts of four characters and more are masked wherever they occur, shorter ones where they are the whole value, numbers
/// where the field has the input's own name. Flags are shown: a yes or no hides nothing worth hiding.
/// A preview that tells of such a value in other words, as the last digits of a number, is the application's own doing.
pub(super) fn veiled(
    output: Value,
    arguments: &Map<String, Value>,
    sensitive: &[&str],
) -> Result<Veiled, SecretName> {
    let mut secrets = Secrets::default();
    for (name, value) in sensitive.iter().filter_map(|name| arguments.get_key_value(*name)) {
        secrets.add(name, value);
    }
    // The longest first, so that none is left over as a part of another.
    secrets.long.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    let mut masked = 0;
    let shown = secrets.output(output, &mut masked)?;
    Ok(Veiled { shown, masked })
}

#[derive(Default)]
struct Secrets<'a> {
    long: Vec<&'a str>,
    short: Vec<&'a str>,
    numbers: Vec<(&'a str, &'a Number)>,
}

impl<'a> Secrets<'a> {
    fn add(&mut self, input: &'a str, value: &'a Value) {
        match value {
            Value::String(text) if text.chars().count() >= WITHIN_FROM => self.long.push(text),
            Value::String(text) if !text.is_empty() => self.short.push(text),
            Value::Number(number) => self.numbers.push((input, number)),
            Value::Array(items) => items.iter().for_each(|item| self.add(input, item)),
            Value::Object(map) => map.values().for_each(|value| self.add(input, value)),
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }

    /// The names that the form of an output is made of are ours and stay, whatever a caller's values are.
    fn output(&self, output: Value, masked: &mut u64) -> Result<Value, SecretName> {
        let Value::Object(parts) = output else { return self.veil(output, None, masked) };
        let parts = parts.into_iter().map(|(part, value)| {
            let value = match value {
                Value::Array(blocks) if part == "blocks" => blocks
                    .into_iter()
                    .map(|block| self.block(block, masked))
                    .collect::<Result<_, _>>()?,
                other => self.veil(other, None, masked)?,
            };
            Ok((part, value))
        });
        parts.collect()
    }

    fn block(&self, block: Value, masked: &mut u64) -> Result<Value, SecretName> {
        let Value::Object(fields) = block else { return self.veil(block, None, masked) };
        let fields = fields.into_iter().map(|(name, value)| {
            let value = if name == "type" { value } else { self.veil(value, None, masked)? };
            Ok((name, value))
        });
        fields.collect()
    }

    /// `own` is the input whose name the field or one around it has.
    fn veil(&self, value: Value, own: Option<&str>, masked: &mut u64) -> Result<Value, SecretName> {
        Ok(match value {
            Value::String(text) if self.is_whole(&text, own) => mask(masked),
            Value::String(text) => self.within(&text, masked).into(),
            Value::Number(number) if self.is_number(&number, own) => mask(masked),
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.veil(item, own, masked))
                .collect::<Result<_, _>>()?,
            Value::Object(map) => {
                let fields = map.into_iter().map(|(name, value)| {
                    if self.is_whole(&name, own) || self.long.iter().any(|long| name.contains(long))
                    {
                        return Err(SecretName);
                    }
                    let inner = self.numbers.iter().map(|(input, _)| *input).find(|i| *i == name);
                    let value = self.veil(value, inner.or(own), masked)?;
                    Ok((name, value))
                });
                fields.collect::<Result<_, _>>()?
            }
            other => other,
        })
    }

    fn is_whole(&self, text: &str, own: Option<&str>) -> bool {
        self.short.contains(&text)
            || self
                .numbers
                .iter()
                .any(|(input, one)| own == Some(*input) && one.to_string() == text)
    }

    fn is_number(&self, number: &Number, own: Option<&str>) -> bool {
        self.numbers.iter().any(|(input, one)| {
            own == Some(*input)
                && (*one == number || one.as_f64().is_some_and(|f| number.as_f64() == Some(f)))
        })
    }

    fn within(&self, text: &str, masked: &mut u64) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let Some(after) = self.long.iter().find_map(|secret| rest.strip_prefix(secret)) {
                out.push_str(MASK);
                *masked = masked.saturating_add(1);
                rest = after;
            } else {
                out.push(next);
                rest = rest.strip_prefix(next).unwrap_or_default();
            }
        }
        out
    }
}

fn mask(masked: &mut u64) -> Value {
    *masked = masked.saturating_add(1);
    MASK.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Of structured content, with every argument sensitive.
    fn shown(structured: &Value, arguments: &Value) -> Result<(Value, u64), SecretName> {
        let arguments = arguments.as_object().unwrap();
        let names: Vec<&str> = arguments.keys().map(String::as_str).collect();
        let veiled = veiled(json!({"structured": structured, "blocks": []}), arguments, &names)?;
        Ok((veiled.shown["structured"].clone(), veiled.masked))
    }

    #[test]
    fn a_sensitive_text_is_not_shown_wherever_a_preview_repeats_it() {
        let secret = json!({"iban": "DE89", "parts": ["DE8900", {"deep": "wxyz"}]});
        let preview =
            json!({"text": "to DE89 (wxyz), DE8900!", "iban": "DE89", "list": ["DE89-1"], "n": 1});
        let masked = json!({
            "text": "to [masked] ([masked]), [masked]!", "iban": "[masked]", "list": ["[masked]-1"], "n": 1,
        });
        assert_eq!(shown(&preview, &secret), Ok((masked, 5)));
    }

    #[test]
    fn a_short_text_hides_only_values_that_are_that_text() {
        for text in ["e", " ", "DE8", "äöü", ""] {
            let preview = json!({"words": "pays DE8 äöü to e", "code": text, "amount": 40});
            let masked = if text.is_empty() { (text, 0) } else { ("[masked]", 1) };
            let expected = json!({"words": "pays DE8 äöü to e", "code": masked.0, "amount": 40});
            assert_eq!(shown(&preview, &json!({"note": text})), Ok((expected, masked.1)), "{text}");
        }
    }

    #[test]
    fn a_sensitive_number_hides_no_other_field_of_that_number() {
        let preview = json!({
            "amount": 4711, "text": "pays 4711", "pin": 4711, "deep": {"pin": [4711.0, "4711", 4712]},
        });
        let masked = json!({
            "amount": 4711, "text": "pays 4711", "pin": "[masked]",
            "deep": {"pin": ["[masked]", "[masked]", 4712]},
        });
        assert_eq!(shown(&preview, &json!({"pin": 4711, "other": 4712})), Ok((masked, 3)));
    }

    #[test]
    fn a_sensitive_flag_hides_no_flag() {
        let preview = json!({"yes": true, "no": false, "flag": true});
        assert_eq!(shown(&preview, &json!({"flag": true, "none": null})), Ok((preview, 0)));
    }

    #[test]
    fn a_field_whose_name_holds_a_secret_is_refused_rather_than_renamed() {
        let secret = json!({"iban": "DE89", "code": "ab", "pin": 7});
        for preview in [
            json!({"DE89": 1}),
            json!([{"to_DE89": 1}]),
            json!({"a": {"ab": 1}}),
            json!({"pin": {"7": 1}}),
        ] {
            assert_eq!(shown(&preview, &secret), Err(SecretName), "{preview}");
        }
        assert!(shown(&json!({"abc": 1, "7": 1}), &secret).is_ok(), "these hold none");
    }

    #[test]
    fn the_form_of_an_output_stays_what_it_is() {
        let arguments = json!({"a": "blocks", "b": "text", "c": "type", "d": "structured"});
        let output = json!({"structured": null, "blocks": [{"type": "text", "text": "the text"}]});
        let veiled = veiled(output, arguments.as_object().unwrap(), &["a", "b", "c", "d"]).unwrap();
        let shown =
            json!({"structured": null, "blocks": [{"type": "text", "text": "the [masked]"}]});
        assert_eq!(veiled, Veiled { shown, masked: 1 });
    }
}
