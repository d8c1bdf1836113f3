//! What a preview repeats of a sensitive input.

use serde_json::{Map, Number, Value};

/// What stands in place of a sensitive value, as in the arguments that people are shown.
const MASK: &str = "[masked]";

/// `shown` without the values of the `sensitive` arguments: whole, within a text, or as the name of a field.
///
/// A preview that tells of such a value in other words, as the last digits of a number, is the application's own doing.
pub(super) fn veiled(shown: Value, arguments: &Map<String, Value>, sensitive: &[&str]) -> Value {
    let mut secrets = Secrets::default();
    sensitive.iter().filter_map(|name| arguments.get(*name)).for_each(|value| secrets.add(value));
    // The longest first, so that none is left over as a part of another.
    secrets.texts.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    secrets.veil(shown)
}

#[derive(Default)]
struct Secrets {
    texts: Vec<String>,
    numbers: Vec<(Number, String)>,
    flags: bool,
}

impl Secrets {
    fn add(&mut self, value: &Value) {
        match value {
            Value::String(text) if !text.is_empty() => self.texts.push(text.clone()),
            Value::Number(number) => self.numbers.push((number.clone(), number.to_string())),
            // Of two values, hiding one shows the other.
            Value::Bool(_) => self.flags = true,
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(map) => map.values().for_each(|value| self.add(value)),
            Value::Null | Value::String(_) => {}
        }
    }

    fn veil(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Number(number)
                if self.numbers.iter().any(|(one, _)| {
                    *one == number || one.as_f64().is_some_and(|f| number.as_f64() == Some(f))
                }) =>
            {
                MASK.into()
            }
            Value::Bool(_) if self.flags => MASK.into(),
            Value::Array(items) => items.into_iter().map(|item| self.veil(item)).collect(),
            Value::Object(map) => {
                map.into_iter().map(|(name, value)| (self.text(&name), self.veil(value))).collect()
            }
            other => other,
        }
    }

    fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = None;
        while let Some(next) = rest.chars().next() {
            let secret = self
                .texts
                .iter()
                .find_map(|secret| rest.strip_prefix(secret.as_str()))
                .or_else(|| self.number_at(before, rest));
            if let Some(after) = secret {
                out.push_str(MASK);
                before = None;
                rest = after;
            } else {
                out.push(next);
                before = Some(next);
                rest = rest.strip_prefix(next).unwrap_or_default();
            }
        }
        out
    }

    /// What follows a number that `rest` begins with, where it is no part of a longer one.
    fn number_at<'a>(&self, before: Option<char>, rest: &'a str) -> Option<&'a str> {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        if digit(before) {
            return None;
        }
        self.numbers.iter().find_map(|(_, number)| {
            rest.strip_prefix(number.as_str()).filter(|after| !digit(after.chars().next()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(value: Value, arguments: &Value) -> Value {
        let arguments = arguments.as_object().unwrap();
        let names: Vec<&str> = arguments.keys().map(String::as_str).collect();
        veiled(value, arguments, &names)
    }

    #[test]
    fn a_sensitive_value_is_not_shown_wherever_a_preview_repeats_it() {
        let secret = json!({"iban": "DE89", "parts": ["DE8", {"deep": "xyz"}], "pin": 4711});
        let preview = json!({
            "text": "to DE89 (xyz), pin 4711, order 147112, DE8",
            "iban": "DE89", "pin": 4711, "pin_as_double": 4711.0, "other": 4712,
            "DE89": true, "list": ["DE89-1"],
        });
        let veiled = shown(preview, &secret);
        assert_eq!(veiled["text"], "to [masked] ([masked]), pin [masked], order 147112, [masked]");
        assert_eq!(veiled["list"], json!(["[masked]-1"]));
        assert_eq!((&veiled["other"], &veiled["[masked]"]), (&json!(4712), &json!(true)));
        for hidden in ["DE8", "xyz", "4711,", "4711.0"] {
            assert!(!veiled.to_string().contains(hidden), "{hidden} in {veiled}");
        }
    }

    #[test]
    fn a_hidden_flag_hides_every_flag_and_an_empty_text_hides_nothing() {
        let preview = json!({"yes": true, "no": false, "text": "a"});
        let masked = json!({"yes": "[masked]", "no": "[masked]", "text": "a"});
        assert_eq!(shown(preview.clone(), &json!({"flag": true})), masked);
        assert_eq!(shown(preview.clone(), &json!({"text": "", "none": null})), preview);
    }
}
