//! The error index is made from the table of diagnostics and from the fixtures of their messages.
//!
//! `UPDATE=1 cargo test -p mcp-secure-tests --test docs` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use mcp_secure_rules::codes::{self, Diagnostic, Reporter};

use crate::book;

/// The rules in order, each with the name of its page and its title.
const RULES: [(&str, &str, &str); 14] = [
    ("R1", "r1", "the policy is stated"),
    ("R2", "r2", "dangerous tools have a control"),
    ("R3", "r3", "nothing contradicts"),
    ("R4", "r4", "the attribute is read fail-closed"),
    ("R5", "r5", "what is named is there and fits"),
    ("R6", "r6", "no raw power"),
    ("R7", "r7", "no unbounded input"),
    ("R8", "r8", "the signature"),
    ("R9", "r9", "inputs and outputs"),
    ("R10", "r10", "texts that a model reads"),
    ("R11", "r11", "names and permissions"),
    ("R12", "r12", "resource ids"),
    ("R13", "r13", "reading and writing"),
    ("house", "house", "house rules"),
];

const NOTE: &str = "<!-- Made from the table of diagnostics. Change the table, then: UPDATE=1 cargo test -p mcp-secure-tests --test docs -->";

fn fixtures() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("ui")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "stderr") {
                found.push(path);
            }
        }
    }
    // Those whose message is ours come first: they are shorter.
    found.sort_by_key(|path| {
        (path.components().any(|part| part.as_os_str() == "rustc"), path.clone())
    });
    found
}

/// The first line of the first message with each code.
fn messages() -> BTreeMap<String, String> {
    let mut messages = BTreeMap::new();
    for fixture in fixtures() {
        for line in
            fs::read_to_string(fixture).unwrap().lines().filter(|line| line.starts_with("error"))
        {
            let Some(at) = line.rfind("[MS") else { continue };
            let Some(code) = line.get(at + 1..at + 7) else { continue };
            messages.entry(code.to_owned()).or_insert_with(|| line.to_owned());
        }
    }
    messages
}

fn section(entry: &Diagnostic, message: Option<&String>) -> String {
    let Diagnostic { code, title, why, fix, bad, good, .. } = entry;
    let mut text = format!("## {code}: {title} {{#{code}}}\n\n{why}\n\n");
    if let Some(message) = message {
        write!(text, "```text\n{message}\n```\n\n").unwrap();
    }
    if entry.reporter == Reporter::StartUp {
        text.push_str(
            "The server finds it before it serves anything, and so does its `check` command.\n\n",
        );
    }
    // The parts of a house rules file are no Rust.
    let language = if bad.starts_with('[') { "toml" } else { "rust,ignore" };
    write!(text, "Refused:\n\n```{language}\n{bad}\n```\n\nAccepted:\n\n```{language}\n{good}\n```\n\n{fix}\n").unwrap();
    text
}

/// Every page of the index, by its name.
fn index() -> BTreeMap<String, String> {
    let messages = messages();
    let mut pages = BTreeMap::new();
    let mut overview = format!(
        "# Error index\n\n{NOTE}\n\nEach message ends in a code, as `[MS0101]`: two digits for the rule, two for the fault. \
         Most are found while you compile, a few when the server starts.\n"
    );
    for (rule, name, title) in RULES {
        let heading =
            if rule == "house" { "House rules".to_owned() } else { format!("{rule}: {title}") };
        let mut text = format!("# {heading}\n\n{NOTE}\n");
        write!(overview, "\n## [{heading}]({name}.md)\n\n").unwrap();
        for entry in codes::all().into_iter().filter(|entry| entry.rule == rule) {
            writeln!(overview, "- [{0}]({name}.md#{0}): {1}", entry.code, entry.title).unwrap();
            write!(text, "\n{}", section(entry, messages.get(entry.code.as_str()))).unwrap();
        }
        pages.insert(format!("{name}.md"), text);
    }
    pages.insert("README.md".to_owned(), overview);
    pages
}

#[test]
fn the_error_index_is_made_from_the_table() {
    let folder = book().join("errors");
    let update = std::env::var_os("UPDATE").is_some();
    let pages = index();
    for (name, text) in &pages {
        let file = folder.join(name);
        if update {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, text).unwrap();
        }
        let there = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            there == *text,
            "{name} is not what the table makes: UPDATE=1 cargo test -p mcp-secure-tests --test docs"
        );
    }
    for file in fs::read_dir(&folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(pages.contains_key(&name), "{name} belongs to no rule");
    }
}

#[test]
fn every_code_has_an_entry() {
    let pages = index();
    for entry in codes::all() {
        let heading = format!("## {}: {}", entry.code, entry.title);
        assert!(pages.values().any(|text| text.contains(&heading)), "{}", entry.code);
    }
}
