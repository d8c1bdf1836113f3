//! Every code that a declaration can be refused with has a fixture that shows its message.

use std::collections::BTreeSet;
use std::fs;

use mcp_secure_rules::codes;

use crate::{files, folder};

/// The codes at the end of messages, as `[MS0101]`.
fn shown() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files(&folder(), "stderr") {
        let text = fs::read_to_string(file).unwrap();
        found.extend(
            text.match_indices("[MS")
                .filter_map(|(at, _)| text.get(at + 1..at + 7))
                .filter(|code| text.contains(&format!("[{code}]")))
                .map(ToOwned::to_owned),
        );
    }
    found
}

#[test]
fn every_code_has_a_fixture() {
    let shown = shown();
    let missing: Vec<&str> = codes::all()
        .into_iter()
        .filter(|entry| !shown.contains(entry.code.as_str()))
        .map(|entry| entry.code.as_str())
        .collect();
    assert!(missing.is_empty(), "no fixture shows {missing:?}");
}

#[test]
fn every_code_that_is_shown_is_in_the_table() {
    let unknown: Vec<String> =
        shown().into_iter().filter(|code| codes::find(code).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
