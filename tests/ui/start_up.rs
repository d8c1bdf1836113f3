//! Declarations that compile, and that a server refuses to start with.

use std::collections::BTreeSet;
use std::fs;

use mcp_secure::prelude::*;

use crate::{files, folder};

/// One module and one test for each fixture.
macro_rules! fixtures {
    ($($name:ident = $path:literal;)*) => {
        $(
            #[path = $path]
            mod $name;

            #[test]
            fn $name() {
                refused(stringify!($name), $name::tools());
            }
        )*

        const FIXTURES: &[&str] = &[$(stringify!($name)),*];
    };
}

fixtures! {
    approver_taken = "start/approver_taken.rs";
    name_taken = "start/name_taken.rs";
    pattern = "start/pattern.rs";
    pattern_of_a_field = "start/pattern_of_a_field.rs";
    resolver_taken = "start/resolver_taken.rs";
}

/// Compares what the check of a server says with the fixture's file.
fn refused(name: &str, tools: ToolSet<()>) {
    let server = Server::builder(|_| Ok::<(), String>(()))
        .owner("desk")
        .tools(tools)
        .policies(Policies::from_str("all.cedar", "permit (principal, action, resource);"));
    let faults = server.check().expect_err("it would start");
    let said: String = faults.iter().map(|fault| format!("error: {fault}\n")).collect();
    let expected = folder().join("start").join(name).with_extension("stderr");
    if std::env::var_os("TRYBUILD").is_some_and(|wish| wish == "overwrite") {
        fs::write(&expected, &said).unwrap();
    }
    assert_eq!(said, fs::read_to_string(&expected).unwrap_or_default(), "{name}");
}

#[test]
fn every_fixture_is_in_the_list() {
    let listed: BTreeSet<String> = FIXTURES.iter().map(ToString::to_string).collect();
    let there: BTreeSet<String> = files(&folder().join("start"), "rs")
        .iter()
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(listed, there);
}
