//! The documentation agrees with the code.

#[path = "../support_desk/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests of support-desk use more of it")]
mod harness;

mod blocks;
mod channels;
mod codes;
mod errors;
mod pages;
mod setup;

use std::fs;
use std::path::PathBuf;

/// The folder of the book's sources.
fn book() -> PathBuf {
    mcp_secure_tests::programs::workspace().join("docs/src")
}

/// Every page, as its path below [`book`], in order.
fn every_page() -> Vec<String> {
    let mut pages = Vec::new();
    let mut open = vec![book()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path.strip_prefix(book()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    pages.sort();
    pages
}

fn page(name: &str) -> String {
    fs::read_to_string(book().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
