//! Text of outside origin on a page: escaped by `maud`, with everything in it that hides, reorders or controls spelt out.

use maud::{Markup, html};

use crate::cli::is_unsafe;

/// Empty lines in a row, and spaces in a row, that are shown as they are; more of them are counted.
const LINES: usize = 3;
const SPACES: usize = 32;
/// How many spaces a tab is as wide as.
const TAB: usize = 8;

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

/// Characters of which nothing is seen but room: what Unicode calls white space, and the empty pattern of Braille.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{2800}'
}

/// Takes `text` apart. Where `lines` is false a line break is a sign like any other.
fn pieces(text: &str, lines: bool) -> Vec<Piece> {
    let mut found = Vec::new();
    let whole = if lines { text.replace("\r\n", "\n") } else { text.to_owned() };
    let room = |c: char| is_blank(c) && (!is_unsafe(c) || (lines && matches!(c, '\n' | '\t')));
    let mut rest = whole.as_str();
    while let Some(c) = rest.chars().next() {
        let end = |of: &dyn Fn(char) -> bool| rest.find(|c| !of(c)).unwrap_or(rest.len());
        let (taken, after) = if room(c) {
            rest.split_at(end(&room))
        } else if is_unsafe(c) {
            rest.split_at(c.len_utf8())
        } else {
            rest.split_at(end(&|c| !room(c) && !is_unsafe(c)))
        };
        rest = after;
        if room(c) {
            empty(taken, &mut found);
        } else if is_unsafe(c) {
            found.push(Piece::Sign(c));
        } else {
            plain(taken, &mut found);
        }
    }
    found
}

fn plain(text: &str, found: &mut Vec<Piece>) {
    match found.last_mut() {
        Some(Piece::Plain(before)) => before.push_str(text),
        _ if text.is_empty() => {}
        _ => found.push(Piece::Plain(text.to_owned())),
    }
}

/// A stretch without anything to see in it: so much of it as it is, and the rest in figures. What is between two line
/// breaks is an empty line, whichever blanks it is made of.
fn empty(stretch: &str, found: &mut Vec<Piece>) {
    let breaks = stretch.matches('\n').count();
    let mut blanks = stretch;
    if let Some(more) = breaks.checked_sub(LINES).filter(|more| *more > 0) {
        plain(&"\n".repeat(LINES), found);
        found.push(Piece::Lines(more));
        blanks = stretch.rsplit('\n').next().unwrap_or_default();
    }
    for (nth, line) in blanks.split('\n').enumerate() {
        if nth > 0 {
            plain("\n", found);
        }
        let width = |c: char| if c == '\t' { TAB } else { 1 };
        let mut wide: usize = 0;
        let fits = |c: &char| {
            wide = wide.saturating_add(width(*c));
            wide <= SPACES
        };
        let kept: String = line.chars().take_while(fits).collect();
        let more = line.chars().count().saturating_sub(kept.chars().count());
        plain(&kept, found);
        if more > 0 {
            found.push(Piece::Spaces(more));
        }
    }
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
    fn nothing_is_pushed_out_of_sight_by_blanks_of_other_kinds() {
        for blank in ["\n ", "\n\t", " \n", "\n\u{a0}", "\n\u{3000}", "\n\u{2800}", "\n\u{2003} "] {
            let long = block(&format!("a{}b", blank.repeat(500)));
            assert!(long.len() < 300 && long.contains("497 more empty lines"), "{blank:?}: {long}");
        }
        for blank in ["\t", "\u{a0}", "\u{3000}", "\u{2800}", "\u{2003} "] {
            let long = block(&format!("a{}b", blank.repeat(500)));
            assert!(long.len() < 300 && long.contains(" more spaces"), "{blank:?}: {long}");
        }
        assert_eq!(block("if x {\n\t\treturn;\n\n    y"), "if x {\n\t\treturn;\n\n    y");
        assert_eq!(value("a\tb").into_string(), "<bdi>a<span class=\"sign\">U+0009</span>b</bdi>");
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
