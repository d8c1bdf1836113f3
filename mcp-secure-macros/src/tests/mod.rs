//! Tests that need no compiler: tokens in, faults and tokens out.
//!
//! Each case names the codes it expects with the exact source text under each message. What the messages say is kept in
//! one snapshot, so that a change of wording is seen in review.

mod cases;
mod expansions;
mod messages;

use proc_macro2::TokenStream;

use crate::derive;
use crate::expand::{self, Expansion};
use crate::house::House;
use crate::role::Role;

/// Expands an attribute of the given name, or a derive macro, without house rules.
fn expand(macro_name: &str, attr: &str, item: &str) -> Expansion {
    expand_in(macro_name, attr, item, &House::default())
}

fn expand_in(macro_name: &str, attr: &str, item: &str, house: &House) -> Expansion {
    let parse = |source: &str| source.parse::<TokenStream>().unwrap();
    let derived =
        |derive: fn(&syn::DeriveInput) -> Expansion| derive(&syn::parse_str(item).unwrap());
    match macro_name {
        "State" => derived(derive::state),
        "ToolOutput" => derived(derive::tool_output),
        "ResourceId" => derived(derive::resource_id),
        name => {
            let role = Role::ALL.into_iter().find(|role| role.name() == name).unwrap();
            expand::attribute(role, parse(attr), parse(item), house)
        }
    }
}
