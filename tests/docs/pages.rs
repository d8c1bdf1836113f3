//! No page is left out: of the table of contents, of the compiled code, of the reference.

use std::path::Path;

use crate::{book, every_page, page};

/// Pages without code of their own: the table of contents, what is generated, and what is taken from other files.
fn has_no_code(name: &str) -> bool {
    name == "SUMMARY.md"
        || name.starts_with("errors/")
        || ["requirements.md", "performance.md"].contains(&name)
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let summary = page("SUMMARY.md");
    for name in every_page().iter().filter(|name| *name != "SUMMARY.md") {
        assert!(summary.contains(&format!("]({name})")), "{name} is not in SUMMARY.md");
    }
}

#[test]
fn the_code_of_every_page_is_compiled() {
    for name in every_page().iter().filter(|name| !has_no_code(name)) {
        assert!(
            mcp_secure_tests::PAGES.contains(&name.as_str()),
            "{name} is not in the list of tests/src/lib.rs, so its code is not compiled"
        );
    }
}

#[test]
fn every_key_of_the_attribute_has_a_page() {
    let keys = [
        "risk",
        "permission",
        "public",
        "resource",
        "approval",
        "read_only",
        "destructive",
        "idempotent",
        "open_world",
        "dry_run",
        "idempotency",
        "rollback",
        "irreversible",
        "rate_limit",
        "timeout",
        "max_output",
        "max_concurrent",
        "owner",
        "title",
        "name",
        "version",
        "broad",
    ];
    let index = page("reference/README.md");
    // The compiler's own list, from the message on an unknown key: it and this one are the same.
    let message = include_str!("../ui/macro/misspelt/key_of_another_framework.stderr");
    let listed = message.lines().next().unwrap().split("it takes ").nth(1).unwrap();
    let mut taken: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
    taken.sort_unstable();
    let mut sorted = keys;
    sorted.sort_unstable();
    assert_eq!(taken, sorted);
    for key in keys {
        let name =
            if key == "resource" { "resource-key".to_owned() } else { key.replace('_', "-") };
        assert!(page(&format!("reference/{name}.md")).starts_with(&format!("# `{key}`")), "{key}");
        assert!(index.contains(&format!("[`{key}`]({name}.md)")), "{key} is not in the index");
    }
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut broken = Vec::new();
    for name in every_page() {
        let text = page(&name);
        let folder = Path::new(&name).parent().unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
            let file = target.split('#').next().unwrap_or_default();
            let inside = file.ends_with(".md") && !target.contains("://");
            if inside && !book().join(folder).join(file).is_file() {
                broken.push(format!("{name}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
