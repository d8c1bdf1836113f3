//! The guide's blocks that are no Rust: policies are policies, and commands are commands.

use std::process::Command;

use cedar_policy::PolicySet;

use crate::harness::{Desk, program};
use crate::{every_page, page};

/// The blocks of a language, each with its page.
pub(crate) fn blocks(language: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in every_page() {
        let text = page(&name);
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.trim() == format!("```{language}") {
                let block: Vec<&str> = lines.by_ref().take_while(|l| l.trim() != "```").collect();
                found.push((name.clone(), block.join("\n")));
            }
        }
    }
    found
}

#[test]
fn every_policy_of_the_guide_is_one() {
    let blocks = blocks("cedar");
    assert!(blocks.len() >= 8, "only {} blocks", blocks.len());
    for (name, text) in blocks {
        let policies: PolicySet =
            text.parse().unwrap_or_else(|error| panic!("{name}: {error:?}\n{text}"));
        assert!(policies.policies().next().is_some(), "{name}: an empty block");
    }
}

/// What the example's program takes for a command of the guide, if it is one of a program made with the framework.
fn words(line: &str) -> Option<String> {
    let line = line.trim().split(" # ").next().unwrap_or_default().trim();
    let rest = ["support-desk", "warehouse", "cargo run --"]
        .iter()
        .find_map(|name| line.strip_prefix(name))
        .filter(|rest| rest.is_empty() || rest.starts_with(' '))?;
    let id = "8e560aef65e253b2bd701bbe5267e974";
    let rest = rest.replace('…', "...").replace("_...", &format!("_{id}"));
    // A server that starts does not end by itself.
    let serves = rest.is_empty() || rest.starts_with(" serve");
    Some(if serves { format!("{rest} --help") } else { rest })
}

/// The page on operations is walked through elsewhere, line by line.
#[test]
fn every_command_of_the_guide_is_one() {
    let mut seen = 0;
    for (name, text) in blocks("sh").into_iter().filter(|(name, _)| name != "operations.md") {
        for line in text.lines() {
            let Some(words) = words(line) else { continue };
            seen += 1;
            // What it would do it does to an empty folder: there is nothing to find, but nothing to be said of its words.
            let desk = Desk::new();
            let folder = desk.data().parent().unwrap().to_owned();
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("'{}'{words}", program().display())]).current_dir(folder);
            shell.env_remove("MCP_SECURE_STORE").env("MCP_SECURE_DATA", desk.data());
            let output = shell.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 1)), "{name}: `{line}`: {code:?}: {said}");
            assert!(!said.contains("panicked"), "{name}: `{line}`: {said}");
        }
    }
    assert!(seen >= 30, "only {seen} commands");
}
