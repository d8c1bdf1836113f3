//! Declarations that must not compile, each with the message it gets.

use std::fs;

use crate::{files, folder};

/// One run for all, so that trybuild checks them in one go of cargo.
#[test]
fn a_wrong_declaration_is_refused_with_its_message() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/macro/*/*.rs");
    cases.compile_fail("ui/rustc/*.rs");
}

/// The fixtures that show several faults at once.
const SEVERAL: [&str; 1] = ["everything_at_once"];

/// What rustc says more than once: where a tool is declared and again where it is registered or bounds are proven.
const TOLD_AGAIN: [(&str, usize); 5] = [
    ("dry_run_of_other_inputs", 2),
    ("resource_named_by_what_is_no_id", 3),
    ("rollback_of_another_output", 2),
    ("struct_without_a_policy", 2),
    ("when_of_other_inputs", 2),
];

#[test]
fn one_mistake_is_one_message() {
    let fixtures = files(&folder(), "stderr");
    assert!(fixtures.len() > 150, "{}", fixtures.len());
    for file in fixtures {
        let text = fs::read_to_string(&file).unwrap();
        let messages = text.lines().filter(|line| line.starts_with("error")).count();
        let name = file.file_stem().unwrap().to_string_lossy();
        let again =
            TOLD_AGAIN.iter().find(|(told, _)| *told == name).map_or(1, |(_, times)| *times);
        if SEVERAL.contains(&name.as_ref()) {
            assert!(messages > 1, "{}", file.display());
        } else {
            assert_eq!(messages, again, "{}:\n{text}", file.display());
        }
        assert!(!text.contains("warning"), "{}:\n{text}", file.display());
    }
}

#[test]
fn messages_of_ours_are_in_lower_case_and_carry_their_code() {
    for file in files(&folder().join("macro"), "stderr") {
        for line in fs::read_to_string(&file).unwrap().lines() {
            let Some(message) = line.strip_prefix("error: ") else { continue };
            let (said, code) = message
                .rsplit_once(" [MS")
                .unwrap_or_else(|| panic!("{}: {message}", file.display()));
            assert!(code.ends_with(']') && code.len() == 5, "{message}");
            assert!(!said.ends_with('.') && !said.starts_with(char::is_uppercase), "{message}");
        }
    }
}
