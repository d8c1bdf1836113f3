//! Names inside generated code cannot meet those of the user.
#![allow(clippy::upper_case_acronyms, reason = "the name is that of a constant of generated code")]

use mcp_secure::prelude::*;

struct Reader_;
struct S;
struct SPEC;
struct Entry;

#[derive(State)]
struct App {
    from: S,
    spec: SPEC,
    entry: Entry,
    reader: Reader_,
}

/// Shows what it was given.
#[tool(risk = "low", permission = "thing.read", read_only)]
async fn entry(from: &S, lender: &SPEC, reader: &Reader_, args: u32, a0: u32, a1: u32, whole: u32) -> Content {
    let _ = (from, lender, reader);
    Content::text(format!("{args} {a0} {a1} {whole}"))
}

pub(super) fn main() {
    let _: ToolSet<App> = tools![entry];
    drop(entry(&S, &SPEC, &Reader_, 1, 2, 3, 4));
    let _ = Entry;
}
