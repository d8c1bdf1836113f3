//! Text of outside origin on a terminal: nothing in it acts, hides or reorders.

use std::fmt::Write as _;

/// Whether a character does something other than show itself: control, bidirectional, invisible, tag, private use.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{10ffff}')
}

/// `text` with every such character spelt out as `\u{...}`, and the backslash doubled so that the spelling is sure.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// The same, at most `chars` long, with `…` where something is left out.
pub(crate) fn escaped_to(text: &str, chars: usize) -> String {
    let whole = escaped(text);
    if whole.chars().count() <= chars {
        return whole;
    }
    let mut cut: String = whole.chars().take(chars.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_does_not_act_on_the_terminal() {
        assert_eq!(escaped("\u{1b}[2Jgone"), "\\u{1b}[2Jgone");
        assert_eq!(escaped("a\u{9b}31m"), "a\\u{9b}31m");
        assert_eq!(escaped("\u{202e}drowssap"), "\\u{202e}drowssap");
        assert_eq!(escaped("a\u{200b}b\u{e0041}"), "a\\u{200b}b\\u{e0041}");
        assert_eq!(escaped("line\nline\r"), "line\\nline\\r");
        assert_eq!(escaped("héllo, 世界"), "héllo, 世界");
    }

    #[test]
    fn an_escape_can_not_be_forged() {
        assert_ne!(escaped("\\u{1b}"), escaped("\u{1b}"));
    }

    #[test]
    fn long_text_says_that_it_was_cut() {
        assert_eq!(escaped_to("abcdef", 4), "abc…");
        assert_eq!(escaped_to("abcd", 4), "abcd");
    }
}
