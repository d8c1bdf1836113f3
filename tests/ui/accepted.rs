//! Declarations that must compile and register.
//!
//! They are modules of this test rather than crates of their own: linking each of them against the whole server would
//! take minutes and show nothing more. What only a crate can show is in `crates/`.
#![allow(dead_code, reason = "what a fixture's server lends is not read")]
#![allow(
    clippy::drop_non_drop,
    clippy::let_underscore_future,
    clippy::upper_case_acronyms,
    reason = "fixtures name and drop things to see them compile, not to run"
)]

use std::collections::BTreeSet;

use crate::{files, folder};

/// One module and one test for each fixture.
macro_rules! fixtures {
    ($($name:ident = $path:literal;)*) => {
        $(
            #[path = $path]
            mod $name;

            #[test]
            fn $name() {
                $name::main();
            }
        )*

        const FIXTURES: &[&str] = &[$(stringify!($name)),*];
    };
}

fixtures! {
    alias_of_result = "pass/alias_of_result.rs";
    bare_approval = "pass/bare_approval.rs";
    borrows_held_while_waiting = "pass/borrows_held_while_waiting.rs";
    companions_by_path = "pass/companions_by_path.rs";
    every_key_at_once = "pass/every_key_at_once.rs";
    ids_in_options_and_lists = "pass/ids_in_options_and_lists.rs";
    made_by_macro_rules = "pass/made_by_macro_rules.rs";
    names_that_generated_code_uses = "pass/names_that_generated_code_uses.rs";
    narrow_texts = "pass/narrow_texts.rs";
    no_implicit_prelude = "pass/no_implicit_prelude.rs";
    other_attributes_stay = "pass/other_attributes_stay.rs";
    paths_and_modules = "pass/paths_and_modules.rs";
    private_types_on_public_tools = "pass/private_types_on_public_tools.rs";
    raw_identifiers = "pass/raw_identifiers.rs";
    renamed_by_serde = "pass/renamed_by_serde.rs";
    shadowed_inside_macro_rules = "pass/shadowed_inside_macro_rules.rs";
    shadowed_names = "pass/shadowed_names.rs";
    texts_of_any_language = "pass/texts_of_any_language.rs";
    under_a_condition = "pass/under_a_condition.rs";
    whole_input = "pass/whole_input.rs";
    within_a_function = "pass/within_a_function.rs";
    without_the_prelude = "pass/without_the_prelude.rs";
}

#[test]
fn every_fixture_is_in_the_list() {
    let listed: BTreeSet<String> = FIXTURES.iter().map(ToString::to_string).collect();
    let there: BTreeSet<String> = files(&folder().join("pass"), "rs")
        .iter()
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(listed, there);
}
