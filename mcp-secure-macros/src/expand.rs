//! From an attribute and an item to tokens: parse, check, emit.
//!
//! Pure functions over `proc_macro2` streams, so that tests need no compiler.

use mcp_secure_rules::Code;
use proc_macro2::TokenStream;
use quote::quote;

use crate::check;
use crate::diagnostics::{Fault, Faults, Place, compile_errors};
use crate::emit;
use crate::house::House;
use crate::read::attribute::Raw;
use crate::read::docs::Docs;
use crate::read::function::{self, Function, Item};
use crate::role::Role;

/// What an attribute expands to, and the faults among it.
#[derive(Debug)]
pub(crate) struct Expansion {
    pub(crate) tokens: TokenStream,
    pub(crate) faults: Vec<Fault>,
}

impl Expansion {
    /// The tokens with every fault as a compile error.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let Self { tokens, faults } = self;
        let errors = compile_errors(&faults);
        quote!(#tokens #errors)
    }
}

/// `#[tool]`, `#[resource]`, `#[prompt]`, `#[dry_run]`, `#[when]` or `#[rollback]` on an item.
pub(crate) fn attribute(
    role: Role,
    attr: TokenStream,
    item: TokenStream,
    house: &House,
) -> Expansion {
    let mut faults = Faults::default();
    match function::read(item.clone()) {
        Item::Other(what, place) => {
            let message = format!(
                "`#[{}]` stands on {what}: put it on a free function, `{}`",
                role.name(),
                role.legal()
            );
            faults.push(Code::ITEM_KIND, place, message);
            Expansion { tokens: item, faults: faults.take() }
        }
        Item::Function(function) => on_function(role, attr, *function, house, faults),
    }
}

fn on_function(
    role: Role,
    attr: TokenStream,
    mut function: Function,
    house: &House,
    mut faults: Faults,
) -> Expansion {
    take_repeated(role, &mut function, &mut faults);
    let notes = function::take_notes(&mut function.sig, &mut faults);
    let written = emit::function(&function);
    let (vis, ident) = (function.vis.clone(), function.sig.ident.clone());
    let (emitted, stub, inside) = match role {
        Role::Declaration(kind) => {
            let raw = Raw::read(kind, attr, &mut faults);
            let docs = Docs::read(&function.attrs, &mut faults);
            let understood = check::signature::check(role, &function, notes, &mut faults);
            let inside = understood.inside || function.body.is_none();
            let declared = check::declaration(kind, &raw, &docs, understood, house, &mut faults);
            (emit::declaration(&declared, &written), emit::declaration_stub(&vis, &ident), inside)
        }
        Role::DryRun | Role::When | Role::Rollback => {
            let understood = check::companion(role, &attr, &function, notes, &mut faults);
            let inside = understood.inside || function.body.is_none();
            (
                emit::companion(role, &understood.shape, &written),
                emit::companion_stub(role, &vis, &ident),
                inside,
            )
        }
    };
    let faults = faults.take();
    let tokens = match (faults.is_empty(), inside) {
        (true, _) => emitted,
        // Nothing can be put beside a method.
        (false, true) => written,
        (false, false) => quote!(#written #stub),
    };
    Expansion { tokens, faults }
}

/// Takes a second attribute of ours from the function: it would expand beside the first and define the name again.
fn take_repeated(role: Role, function: &mut Function, faults: &mut Faults) {
    function.attrs.retain(|attr| {
        let name = attr.path().segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        let ours = attr.path().segments.first().is_some_and(|first| first.ident == "mcp_secure") || attr.path().get_ident().is_some();
        // `#[resource]` and the like may be somebody else's under a path of their own.
        if !ours || !Role::ALL.iter().any(|role| role.name() == name) {
            return true;
        }
        let message = format!("`{}` carries `#[{}]` and `#[{name}]`: keep one, and write a second function for the other", function.sig.ident, role.name());
        faults.push(Code::ATTRIBUTE_REPEATED, Place::of(attr), message);
        false
    });
}
