//! Arguments, previews and other values that calls brought, as tables that people can read.

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::text::{code, fenced, value as shown};

/// What stands in place of a value that is not shown.
const MASK: &str = "[masked]";

/// A table of named values; `described` says what a name means, where that is known.
pub(in crate::inbox) fn table<'a>(
    caption: &str,
    values: &Map<String, Value>,
    described: impl Fn(&str) -> Option<&'a Value>,
) -> Markup {
    html! {
        // The roles are said, since on a narrow screen its parts are shown one below the other.
        table.values role="table" {
            caption { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    th role="columnheader" scope="col" { "Name" }
                    th role="columnheader" scope="col" { "Value" }
                }
            }
            tbody role="rowgroup" {
                @for (name, value) in values {
                    @let schema = described(name);
                    tr role="row" {
                        th role="rowheader" scope="row" {
                            (code(name))
                            @if let Some(text) = schema.and_then(|s| s.get("description")).and_then(Value::as_str) {
                                span.hint { (shown(text)) }
                            }
                        }
                        td role="cell" { (cell(value, schema)) }
                    }
                }
            }
        }
    }
}

/// One value. A text is fenced unless it is a single word, or one that the schema lists.
pub(in crate::inbox) fn cell(value: &Value, schema: Option<&Value>) -> Markup {
    match value {
        Value::Null => html! { span.none { "nothing" } },
        Value::Bool(true) => html! { "yes" },
        Value::Bool(false) => html! { "no" },
        Value::Number(number) => html! { (number.to_string()) },
        Value::String(text) if text == MASK => html! { span.masked { "not shown" } },
        Value::String(text) if is_word(text) || is_listed(text, schema) => code(text),
        Value::String(text) => fenced(text),
        Value::Array(items) if items.is_empty() => html! { span.none { "an empty list" } },
        Value::Array(items) if items.iter().all(is_plain) => {
            html! { ul.plain { @for item in items { li { (cell(item, None)) } } } }
        }
        Value::Array(_) | Value::Object(_) => fenced(&pretty(value)),
    }
}

fn is_plain(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

/// A text that says nothing to anybody: an id, a date, a code.
pub(in crate::inbox) fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:@/+".contains(c);
    !text.is_empty() && text.len() <= 64 && text.chars().all(plain)
}

/// A text that is one of a few which the declaration lists.
fn is_listed(text: &str, schema: Option<&Value>) -> bool {
    let listed = schema.and_then(|schema| schema.get("enum")).and_then(Value::as_array);
    listed.is_some_and(|listed| listed.iter().any(|one| one == text))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// Pairs of names under which a preview says what is and what would be.
const CHANGES: [(&str, &str); 4] =
    [("from", "to"), ("before", "after"), ("old", "new"), ("current", "proposed")];

/// What a dry run said the call would do.
pub(in crate::inbox) fn preview(preview: &Value) -> Markup {
    let structured = preview.get("structured").filter(|value| !value.is_null());
    let blocks = preview.get("blocks").and_then(Value::as_array);
    let masked = preview.get("masked").and_then(Value::as_u64).unwrap_or_default();
    html! {
        @match structured {
            Some(Value::Object(fields)) => { (outcome(fields)) }
            Some(other) => { (cell(other, None)) }
            None => {}
        }
        @for block in blocks.into_iter().flatten() { (piece(block)) }
        // Whoever asks chooses the sensitive values, so people have to know how much they do not see.
        @if masked > 0 {
            p.note { (masked) @if masked == 1 { " place" } @else { " places" } " of this preview are not shown." }
        }
    }
}

fn outcome(fields: &Map<String, Value>) -> Markup {
    let change = CHANGES
        .iter()
        .find_map(|(is, will)| Some((*is, *will, fields.get(*is)?, fields.get(*will)?)));
    let Some((is, will, before, after)) = change else {
        return table("Preview", fields, |_| None);
    };
    let mut rest = fields.clone();
    rest.retain(|name, _| name != is && name != will);
    html! {
        div.change {
            div { p.label { "Now" } del { (cell(before, None)) } }
            div { p.label { "Afterwards" } ins { (cell(after, None)) } }
        }
        @if !rest.is_empty() { (table("The rest of the preview", &rest, |_| None)) }
    }
}

/// One block of content. What is no text is named and not shown: a picture of outside origin could be of anything.
fn piece(block: &Value) -> Markup {
    let text = |name: &str| block.get(name).and_then(Value::as_str);
    match text("type") {
        Some("text") => fenced(text("text").unwrap_or_default()),
        Some(kind @ ("image" | "audio")) => {
            let bytes = text("data").map_or(0, str::len);
            html! {
                p.note {
                    @if kind == "image" { "An image" } @else { "A sound" }
                    " (" (shown(text("mime_type").unwrap_or_default())) ", " (bytes) " characters) is not shown here."
                }
            }
        }
        _ => fenced(&pretty(block)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(value: &Value) -> String {
        cell(value, None).into_string()
    }

    #[test]
    fn a_text_is_fenced_unless_the_declaration_lists_it() {
        assert!(of(&json!("do as I say")).contains("Text from outside; not instructions"));
        let schema = json!({"enum": ["not received", "goodwill"]});
        let listed = cell(&json!("not received"), Some(&schema)).into_string();
        assert_eq!(listed, "<code><bdi>not received</bdi></code>");
        assert!(
            cell(&json!("of another kind"), Some(&schema)).into_string().contains("from outside")
        );
        assert_eq!(of(&json!("cus1001")), "<code><bdi>cus1001</bdi></code>");
        for free in ["", "a b", "a\u{202e}", "<b>", &"x".repeat(65)] {
            assert!(of(&json!(free)).contains("from outside"), "{free}");
        }
        assert_eq!(of(&json!(12000)), "12000");
        assert!(of(&json!({"a": ["<b>"]})).contains("&lt;b&gt;"));
        assert_eq!(of(&json!("[masked]")), "<span class=\"masked\">not shown</span>");
    }

    #[test]
    fn a_change_shows_what_is_and_what_would_be() {
        let shown = preview(&json!({
            "structured": {"from": "active", "to": "closed", "customer": "cus_1"}, "blocks": [], "masked": 2,
        }))
        .into_string();
        assert!(shown.contains("<del>") && shown.contains("<ins>"), "{shown}");
        assert!(shown.contains("customer") && !shown.contains(">from<"), "{shown}");
        assert!(shown.contains("2 places"), "{shown}");
    }

    #[test]
    fn a_picture_of_outside_origin_is_named_and_not_loaded() {
        let block =
            json!({"type": "image", "data": "aGk=", "mime_type": "image/svg+xml\"><script>"});
        let shown = preview(&json!({"structured": null, "blocks": [block]})).into_string();
        assert!(
            !shown.contains("<img") && !shown.contains("<script") && !shown.contains("aGk="),
            "{shown}"
        );
    }
}
