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

/// The fixtures whose name says that they hold several faults.
const SEVERAL: [&str; 1] = ["everything_at_once"];

#[test]
fn one_mistake_is_one_message() {
    for file in files(&folder(), "stderr") {
        let text = fs::read_to_string(&file).unwrap();
        let messages = text.lines().filter(|line| line.starts_with("error")).count();
        let name = file.file_stem().unwrap().to_string_lossy();
        if SEVERAL.contains(&name.as_ref()) {
            assert!(messages > 1, "{}", file.display());
        } else {
            assert_eq!(messages, 1, "{}:\n{text}", file.display());
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
