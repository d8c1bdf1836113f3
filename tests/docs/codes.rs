//! The pages on troubleshooting and on the decision API have a line for every code that a client or an operator may meet.

use std::fs;

use mcp_secure_tests::programs::workspace;

use crate::page;

/// The words of an enumeration of codes, as its `match` spells them: `Self::Name => "word",`.
fn words(source: &str) -> Vec<String> {
    let text = fs::read_to_string(workspace().join("mcp-secure/src").join(source)).unwrap();
    let word = |line: &str| {
        let (variant, word) = line.trim().split_once(" => \"")?;
        let word = word.strip_suffix("\",").filter(|_| variant.starts_with("Self::"))?;
        let code = word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        code.then(|| word.to_owned())
    };
    text.lines().filter_map(word).collect()
}

/// Whether a line of a table begins with the code, alone or beside others.
fn has_line(page: &str, code: &str) -> bool {
    let code = format!("`{code}`");
    page.lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .any(|first| first.contains(&code))
}

#[test]
fn every_code_of_a_refusal_is_looked_into() {
    let codes = words("pipeline/refusal.rs");
    assert!(codes.len() >= 17, "{codes:?}");
    let page = page("troubleshooting.md");
    let missing: Vec<&String> = codes.iter().filter(|code| !has_line(&page, code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_reason_for_which_a_token_is_refused_is_looked_into() {
    let codes = words("identity/error.rs");
    assert!(codes.len() >= 14, "{codes:?}");
    let page = page("troubleshooting.md");
    let missing: Vec<&String> = codes.iter().filter(|code| !has_line(&page, code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_answer_of_the_decision_api_that_is_a_refusal_is_on_its_page() {
    let path = workspace().join("mcp-secure/src/api/reply.rs");
    let source = fs::read_to_string(path).unwrap();
    // `(StatusCode::CONFLICT, "expired")`
    let code = |part: &str| Some(part.split_once(", \"")?.1.split_once('"')?.0.to_owned());
    let codes: Vec<String> = source
        .lines()
        .filter_map(|line| line.split_once("StatusCode::"))
        .filter_map(|(_, part)| code(part))
        .collect();
    assert!(codes.len() >= 20, "{codes:?}");
    let page = page("decision-api.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    let has = |code: &String| rows.iter().any(|row| row.contains(&format!("`{code}`")));
    let missing: Vec<&String> = codes.iter().filter(|code| !has(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
