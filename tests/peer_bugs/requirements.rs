//! The list of requirements is whole, and what it names is there.

use std::collections::BTreeSet;
use std::path::Path;

use crate::harness::workspace;

/// The text of every Rust source below `folder`.
fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// Functions that carry an attribute `#[test]` or `#[tokio::test]`, and the cases that a `cases!` runs.
fn tests(text: &str, into: &mut BTreeSet<String>) {
    let (mut marked, mut listed) = (false, false);
    for line in text.lines().map(str::trim) {
        if listed {
            listed = line != "}";
            into.extend(line.strip_suffix(',').map(ToOwned::to_owned));
        } else if line == "cases! {" {
            listed = true;
        } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| marked) {
            into.insert(rest.split(['(', '<']).next().unwrap_or_default().to_owned());
            marked = false;
        }
    }
}

#[test]
fn every_requirement_is_listed_and_names_tests_that_exist_or_says_not_yet() {
    let list = std::fs::read_to_string(workspace().join("docs/requirements.md")).unwrap();
    let rows: Vec<Vec<&str>> = list
        .lines()
        .filter(|line| line.starts_with("| Q"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let ids: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let expected: Vec<String> = (1..=38).map(|number| format!("Q{number:02}")).collect();
    assert_eq!(ids, expected);

    let (mut all, mut known) = (Vec::new(), BTreeSet::new());
    sources(workspace(), &mut all);
    for text in all {
        tests(&text, &mut known);
    }
    for row in rows {
        let [id, requirement, place, held] = row.as_slice() else { panic!("{row:?}") };
        assert!(requirement.len() > 20, "{id}");
        assert!(place.split(' ').all(|p| ["c", "s", "r"].contains(&p)), "{id}: {place}");
        let words = held.split('`').skip(1).step_by(2);
        let is_key = |word: &str| ["dry_run", "rollback", "rate_limit"].contains(&word);
        let named: Vec<&str> = words.filter(|word| !is_key(word)).collect();
        assert!(!named.is_empty() || held.starts_with("not yet"), "{id}: {held}");
        for name in named {
            let there = known.contains(name) || held.contains(&format!("fixture `{name}`"));
            assert!(there, "{id} names `{name}`, and there is no such test");
        }
    }
}
