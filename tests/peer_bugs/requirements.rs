//! The list of requirements is whole, and what it names is there.

use std::collections::BTreeSet;
use std::path::Path;

use mcp_secure_tests::programs::workspace;

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

/// The names of the programs that have to be refused, or accepted, while they compile.
fn fixtures(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fixtures(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.insert(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
    }
}

fn every_test() -> BTreeSet<String> {
    let (mut all, mut known) = (Vec::new(), BTreeSet::new());
    sources(workspace(), &mut all);
    for text in all {
        tests(&text, &mut known);
    }
    known
}

/// Failures of other systems, by their numbers. What has none here is of parts that do not exist yet.
#[test]
fn every_failure_of_others_that_can_happen_here_has_a_test_with_its_number() {
    let known = every_test();
    let numbers = (1..=15).chain([18, 20, 21]).chain(23..=38);
    let without: Vec<String> = numbers
        .map(|number| format!("b{number:02}"))
        .filter(|id| {
            // A test may hold several, as `b24_b34_..`.
            let names = |test: &String| {
                test.split('_').take_while(|part| part.starts_with('b')).any(|part| part == id)
            };
            !known.iter().any(names)
        })
        .collect();
    assert!(without.is_empty(), "no test is named after {without:?}");
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

    let known = every_test();
    let mut refused = BTreeSet::new();
    fixtures(&workspace().join("tests/ui"), &mut refused);
    for row in rows {
        let [id, requirement, place, held] = row.as_slice() else { panic!("{row:?}") };
        assert!(requirement.len() > 20, "{id}");
        assert!(place.split(' ').all(|p| ["c", "s", "r"].contains(&p)), "{id}: {place}");
        let words = held.split('`').skip(1).step_by(2);
        let is_key = |word: &str| ["dry_run", "rollback", "rate_limit"].contains(&word);
        let named: Vec<&str> = words.filter(|word| !is_key(word)).collect();
        assert!(!named.is_empty() || held.starts_with("not yet"), "{id}: {held}");
        for name in named {
            let is_fixture = held.contains(&format!("fixture `{name}`"));
            let there = if is_fixture { &refused } else { &known };
            assert!(there.contains(name), "{id} names `{name}`, and there is no such thing");
        }
    }
}

/// Each is attacked on every channel that a client waits on and at every place where people decide, by a test that goes
/// through all of them.
#[test]
fn every_failure_of_others_in_approvals_is_tried_on_every_channel_and_at_every_place() {
    let list = std::fs::read_to_string(workspace().join("docs/requirements.md")).unwrap();
    let rows: Vec<Vec<&str>> = list
        .lines()
        .filter(|line| line.starts_with("| B"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let ids: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let numbers = (1..=9).chain([21]).chain(28..=30).chain([37, 38]);
    assert_eq!(ids, numbers.map(|number| format!("B{number:02}")).collect::<Vec<_>>());

    let (mut all, known) = (Vec::new(), every_test());
    sources(&workspace().join("tests/support_desk/every_channel"), &mut all);
    let goes_through = |name: &str, all_of: &str| {
        let body = |text: &str| Some(text.split_once(&format!("fn {name}()"))?.1.to_owned());
        let begins = |body: &String| {
            let body = body.trim_start().trim_start_matches('{').trim_start();
            body.starts_with(&format!("{all_of}(|"))
        };
        all.iter().filter_map(|text| body(text)).any(|body| begins(&body))
    };
    for row in rows {
        let [id, what, asked, decided, besides] = row.as_slice() else { panic!("{row:?}") };
        assert!(what.len() > 10, "{id}");
        for (column, all_of) in [(asked, "on_every_channel"), (decided, "at_every_place")] {
            let names: Vec<&str> = column.split('`').skip(1).step_by(2).collect();
            assert!(!names.is_empty(), "{id}: {column}");
            for name in names {
                assert!(known.contains(name), "{id} names `{name}`, and there is no such test");
                let numbered = name.split('_').take_while(|part| part.starts_with('b'));
                assert!(numbered.clone().any(|part| part.eq_ignore_ascii_case(id)), "{id}: {name}");
                assert!(goes_through(name, all_of), "`{name}` does not begin with `{all_of}`");
            }
        }
        for name in besides.split('`').skip(1).step_by(2) {
            assert!(known.contains(name), "{id} names `{name}`, and there is no such test");
        }
    }
}
