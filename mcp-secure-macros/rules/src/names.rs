//! R11: names and permissions, and the nearest known word for a misspelt one.

/// The longest tool name MCP permits.
pub const NAME_MAX: usize = 64;

/// Says what is wrong with a tool name, if anything.
///
/// ```
/// assert!(mcp_secure_rules::names::name_fault("request_refund").is_none());
/// assert!(mcp_secure_rules::names::name_fault("request refund").is_some());
/// ```
#[must_use]
pub fn name_fault(name: &str) -> Option<String> {
    let length = name.chars().count();
    if length == 0 {
        return Some("a name has at least one character".to_owned());
    }
    if length > NAME_MAX {
        return Some(format!("a name has at most {NAME_MAX} characters and this one has {length}"));
    }
    let stranger =
        name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))?;
    Some(format!(
        "a name holds letters, digits, `_`, `.` and `-` only, not `{}`",
        stranger.escape_debug()
    ))
}

/// Says what is wrong with a permission, if anything: dotted lower case of at least two parts.
///
/// ```
/// assert!(mcp_secure_rules::names::permission_fault("refund.request").is_none());
/// assert!(mcp_secure_rules::names::permission_fault("refund").is_some());
/// ```
#[must_use]
pub fn permission_fault(permission: &str) -> Option<String> {
    if permission.chars().count() > 128 {
        return Some("a permission has at most 128 characters".to_owned());
    }
    let parts: Vec<&str> = permission.split('.').collect();
    let fault = if parts.len() < 2 {
        "a permission has at least two parts, as `refund.request`"
    } else if parts.iter().any(|part| part.is_empty()) {
        "a part between the dots is empty; write it as `refund.request`"
    } else if !parts.iter().all(|part| is_permission_part(part)) {
        "a permission is dotted lower case, as `refund.request`"
    } else {
        return None;
    };
    Some(fault.to_owned())
}

fn is_permission_part(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_lowercase())
        && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The nearest of the known words, if one is near enough to be meant.
///
/// ```
/// assert_eq!(mcp_secure_rules::names::nearest("permision", ["risk", "permission"]), Some("permission"));
/// assert_eq!(mcp_secure_rules::names::nearest("colour", ["risk", "permission"]), None);
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let permitted = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= permitted
                || word.replace('-', "_") == **candidate
                || plural_of(&word, candidate)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn plural_of(word: &str, candidate: &str) -> bool {
    word.strip_suffix('s') == Some(candidate)
}

/// `, did you mean` and the nearest known word, or nothing.
pub fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!(", did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_mcp_permits() {
        for good in ["a", "request_refund", "refund.request-2", &"x".repeat(64)] {
            assert_eq!(name_fault(good), None, "{good}");
        }
        for bad in ["", "a b", "größe", "a/b", "a\u{200b}", &"x".repeat(65)] {
            assert!(name_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_permission_is_dotted_lower_case_of_two_parts() {
        for good in ["refund.request", "support.ticket.draft", "kb2.read_all"] {
            assert_eq!(permission_fault(good), None, "{good}");
        }
        for bad in [
            "",
            "refund",
            "Refund.request",
            "refund.",
            ".request",
            "refund..request",
            "a.2b",
            "a.b c",
            "*",
            "a.*",
        ] {
            assert!(permission_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_misspelt_word_finds_the_known_one() {
        let known = ["risk", "permission", "approval", "read_only", "dry_run", "rate_limit"];
        for (word, near) in [
            ("permision", "permission"),
            ("aproval", "approval"),
            ("readonly", "read_only"),
            ("read-only", "read_only"),
            ("permissions", "permission"),
            ("Risk", "risk"),
        ] {
            assert_eq!(nearest(word, known), Some(near));
        }
        assert_eq!(nearest("scopes", known), None);
        assert_eq!(suggestion("aproval", known), ", did you mean `approval`?");
        assert_eq!(suggestion("scopes", known), "");
    }
}
