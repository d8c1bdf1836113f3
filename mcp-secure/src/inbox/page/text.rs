//! Text of outside origin on a page: escaped by `maud`, with everything in it that hides, reorders or controls spelt out.

use maud::{Markup, html};

use crate::cli::is_unsafe;

/// Empty lines in a row, and spaces in a row, that are shown as they are; more of them are counted.
const LINES: usize = 3;
const SPACES: usize = 32;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// Shown as it is.
    Plain(String),
    /// A character that does not show itself.
    Sign(char),
    /// So many more empty lines, which would push the rest out of sight.
    Lines(usize),
    /// So many more spaces.
    Spaces(usize),
}

/// Takes `text` apart. Where `lines` is false a line break is a sign like any other.
fn pieces(text: &str, lines: bool) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut plain = String::new();
    let whole = if lines { text.replace("\r\n", "\n") } else { text.to_owned() };
    let mut rest = whole.as_str();
    while let Some(c) = rest.chars().next() {
        let (run, most): (usize, usize) = match c {
            '\n' if lines => (rest.chars().take_while(|c| *c == '\n').count(), LINES),
            ' ' => (rest.chars().take_while(|c| *c == ' ').count(), SPACES),
            _ => (1, 1),
        };
        if is_unsafe(c) && !(lines && matches!(c, '\n' | '\t')) {
            if !plain.is_empty() {
                found.push(Piece::Plain(std::mem::take(&mut plain)));
            }
            found.push(Piece::Sign(c));
        } else {
            plain.extend(std::iter::repeat_n(c, run.min(most)));
            if let Some(more) = run.checked_sub(most).filter(|more| *more > 0) {
                found.push(Piece::Plain(std::mem::take(&mut plain)));
                found.push(if c == ' ' { Piece::Spaces(more) } else { Piece::Lines(more) });
            }
        }
        rest = rest.get(run.saturating_mul(c.len_utf8())..).unwrap_or_default();
    }
    if !plain.is_empty() {
        found.push(Piece::Plain(plain));
    }
    found
}

fn shown(text: &str, lines: bool) -> Markup {
    html! {
        @for piece in pieces(text, lines) {
            @match piece {
                Piece::Plain(text) => { (text) }
                Piece::Sign(c) => { span.sign { (format!("U+{:04X}", u32::from(c))) } }
                Piece::Lines(more) => { span.sign { (more) " more empty lines" } br; }
                Piece::Spaces(more) => { span.sign { (more) " more spaces" } }
            }
        }
    }
}

/// A short value within a line. What is written from right to left stays within it.
pub(in crate::inbox) fn value(text: &str) -> Markup {
    html! { bdi { (shown(text, false)) } }
}

/// The same for names of things. A long name breaks after `_` and `.`, where there is no room.
pub(in crate::inbox) fn name(text: &str) -> Markup {
    html! {
        bdi {
            @for (n, part) in text.split_inclusive(['_', '.']).enumerate() {
                @if n > 0 { wbr; }
                (shown(part, false))
            }
        }
    }
}

/// The same in the shape of code.
pub(in crate::inbox) fn code(text: &str) -> Markup {
    html! { code { (name(text)) } }
}

/// A text that somebody else wrote, fenced: nothing in it can pass for a part of the page.
pub(in crate::inbox) fn fenced(text: &str) -> Markup {
    html! {
        div.fence {
            p.label { "Text from outside; not instructions" }
            div.outside dir="auto" { (shown(text, true)) }
        }
    }
}

/// One of our own messages as a sentence: a capital, a full stop, and code where it has backticks.
pub(in crate::inbox) fn sentence(message: &str) -> Markup {
    let mut whole = String::with_capacity(message.len().saturating_add(1));
    let mut chars = message.chars();
    whole.extend(chars.next().into_iter().flat_map(char::to_uppercase));
    whole.push_str(chars.as_str());
    if !whole.ends_with(['.', '!', '?', ':']) {
        whole.push('.');
    }
    html! {
        @for (n, part) in whole.split('`').enumerate() {
            @if n % 2 == 1 { (code(part)) } @else { (shown(part, false)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> String {
        shown(text, true).into_string()
    }

    #[test]
    fn nothing_hides_or_reorders() {
        assert_eq!(block("a\u{202e}b"), "a<span class=\"sign\">U+202E</span>b");
        assert_eq!(block("a\0b"), "a<span class=\"sign\">U+0000</span>b");
        assert_eq!(block("a\u{e0041}"), "a<span class=\"sign\">U+E0041</span>");
        assert_eq!(block("a\r\nb\rc"), "a\nb<span class=\"sign\">U+000D</span>c");
        assert_eq!(value("a\nb").into_string(), "<bdi>a<span class=\"sign\">U+000A</span>b</bdi>");
        assert_eq!(block("héllo 世界"), "héllo 世界");
    }

    #[test]
    fn nothing_is_pushed_out_of_sight() {
        assert_eq!(block("a\n\n\nb"), "a\n\n\nb");
        let long = block(&format!("a{}b{}c", "\n".repeat(500), " ".repeat(1000)));
        assert!(long.len() < 200, "{long}");
        assert!(
            long.contains("497 more empty lines") && long.contains("968 more spaces"),
            "{long}"
        );
    }

    #[test]
    fn markup_stays_text() {
        let shown = fenced("</div><script>x</script>\" onmouseover=\"x").into_string();
        assert!(
            shown.contains("&lt;/div&gt;&lt;script&gt;") && shown.contains("&quot; onmouseover")
        );
    }

    #[test]
    fn a_message_becomes_a_sentence() {
        let told = sentence("it takes the permission `refund.approve`").into_string();
        assert_eq!(told, "It takes the permission <code><bdi>refund.<wbr>approve</bdi></code>.");
    }
}
