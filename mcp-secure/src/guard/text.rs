//! Characters that a person does not see and a model does.

/// Text of an error that a tool chose to show, without what could disguise it, and short.
pub(crate) fn public_text(text: &str) -> String {
    let cut: String = text.chars().take(500).collect();
    clean_text(&cut).unwrap_or(cut)
}

/// `text` without the characters that a reader does not see and a model does; `None` where there are none.
pub(crate) fn clean_text(text: &str) -> Option<String> {
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
