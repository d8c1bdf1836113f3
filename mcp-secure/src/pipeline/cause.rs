//! What a record holds of the cause of an error, which the application wrote and may have put anything into.

use serde_json::{Map, Value};

use super::redact::Redaction;
use crate::guard::clean_text;

/// The longest cause a record holds, in characters.
const LONGEST: usize = 2000;
/// From so many characters on, a text that the record hides is masked. A shorter one occurs everywhere.
const MASKED_FROM: usize = 4;
/// What stands in its place.
const MASK: &str = "[masked]";
/// Says that there was more.
const MORE: char = '\u{2026}';

/// The texts among a call's arguments that its record does not show.
#[derive(Debug, Default)]
pub(super) struct Hidden(Vec<String>);

impl Hidden {
    pub(super) fn of(redaction: &Redaction, arguments: &Map<String, Value>) -> Self {
        let mut hidden = Self::default();
        redaction.closed(arguments).for_each(|value| hidden.add(value));
        // The longest first, so that none is left over as a part of another.
        hidden.0.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        hidden
    }

    fn add(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.chars().nth(MASKED_FROM - 1).is_some() => {
                self.0.push(text.clone());
            }
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(map) => map.values().for_each(|value| self.add(value)),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// `cause` as a record may hold it: without these texts, without what a reader does not see, and short.
    pub(super) fn kept(&self, cause: &str) -> String {
        let mut kept = String::new();
        let (mut length, mut rest) = (0_usize, cause);
        while let Some(next) = rest.chars().next() {
            let (part, after) = match self.0.iter().find_map(|text| rest.strip_prefix(&**text)) {
                Some(after) => (MASK, after),
                None => rest.split_at(next.len_utf8()),
            };
            length = length.saturating_add(part.chars().count());
            // A part is whole or not there, and the last place is for the sign that there was more.
            if length > LONGEST - usize::from(!after.is_empty()) {
                kept.push(MORE);
                break;
            }
            kept.push_str(part);
            rest = after;
        }
        clean_text(&kept).unwrap_or(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(texts: &[&str]) -> Hidden {
        let mut hidden = Hidden(texts.iter().map(ToString::to_string).collect());
        hidden.0.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
        hidden
    }

    #[test]
    fn a_cause_is_cut_before_a_text_that_it_would_show_the_half_of() {
        let hidden = hidden(&["hunter2", "hunter2-and-more"]);
        assert_eq!(hidden.kept("to hunter2-and-more, hunter2!"), "to [masked], [masked]!");
        for before in LONGEST - 20..LONGEST + 2 {
            let kept = hidden.kept(&format!("{}hunter2-and-more", "x".repeat(before)));
            assert!(!kept.contains('h'), "{before}: {kept}");
            assert!(kept.chars().count() <= LONGEST, "{before}");
            let whole = before + MASK.len() <= LONGEST;
            assert_eq!(kept.ends_with(MASK), whole, "{before}");
            assert_eq!(kept.ends_with(MORE), !whole, "{before}");
        }
    }

    #[test]
    fn an_ordinary_cause_stays_what_it_is() {
        let cause = "cannot connect to db:5432\n\tcaused by: Zoë is down";
        assert_eq!(hidden(&["hunter2"]).kept(cause), cause);
        assert_eq!(Hidden::default().kept("a\u{0}b\u{1b}[2J\u{202e}"), "ab[2J");
    }
}
