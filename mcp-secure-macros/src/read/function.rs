//! The item an attribute stands on: its signature parsed, its body left as tokens.
//!
//! A body that does not parse is the compiler's to report, in its own words.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::parse::{Parse as _, ParseStream, Parser as _};
use syn::{Attribute, FnArg, Signature, Visibility};

use super::arg::Arg;
use super::docs::Docs;
use crate::diagnostics::{Faults, Place};
use mcp_secure_rules::Code;

/// A function as written.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// `{ ... }`, or nothing where there is none.
    pub(crate) body: Option<TokenStream>,
}

/// What the attribute stands on.
pub(crate) enum Item {
    Function(Box<Function>),
    /// Something else, and the token that says what.
    Other(&'static str, Place),
}

/// What the attributes of one parameter say.
#[derive(Clone, Default)]
pub(crate) struct ParamNotes {
    pub(crate) docs: Docs,
    pub(crate) arg: Option<(Arg, Place)>,
    pub(crate) input: Option<Place>,
}

/// Reads the item.
pub(crate) fn read(tokens: TokenStream) -> Item {
    let function = |input: ParseStream<'_>| {
        let attrs = Attribute::parse_outer(input)?;
        let vis = input.parse()?;
        let sig = Signature::parse(input)?;
        Ok((attrs, vis, sig, input.parse::<TokenStream>()?))
    };
    match function.parse2(tokens.clone()) {
        Ok((attrs, vis, sig, rest)) => {
            let has_body = matches!(rest.clone().into_iter().last(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
            Item::Function(Box::new(Function { attrs, vis, sig, body: has_body.then_some(rest) }))
        }
        Err(_) => other(tokens),
    }
}

/// Names what stands there by its keyword.
fn other(tokens: TokenStream) -> Item {
    for token in tokens {
        if let TokenTree::Ident(word) = &token {
            let what = match word.to_string().as_str() {
                "struct" => "a struct",
                "enum" => "an enum",
                "union" => "a union",
                "trait" => "a trait",
                "impl" => "an `impl` block",
                "mod" => "a module",
                "type" => "a type alias",
                "static" => "a static",
                "const" => "a constant",
                "use" => "an import",
                "extern" => "an `extern` block",
                "macro_rules" => "a macro",
                "let" => "a statement",
                _ => continue,
            };
            return Item::Other(what, word.span().into());
        }
    }
    Item::Other("something that is not a function", Span::call_site().into())
}

/// Takes the notes that are ours from each parameter; what is left is the compiler's.
pub(crate) fn take_notes(sig: &mut Signature, faults: &mut Faults) -> Vec<ParamNotes> {
    sig.inputs
        .iter_mut()
        .map(|param| {
            let attrs = match param {
                FnArg::Typed(param) => &mut param.attrs,
                FnArg::Receiver(receiver) => &mut receiver.attrs,
            };
            let (ours, theirs): (Vec<Attribute>, Vec<Attribute>) =
                std::mem::take(attrs).into_iter().partition(is_ours);
            *attrs = theirs;
            notes(&ours, faults)
        })
        .collect()
}

fn is_ours(attr: &Attribute) -> bool {
    ["doc", "arg", "input", "cfg", "cfg_attr"].iter().any(|name| attr.path().is_ident(name))
}

fn notes(attrs: &[Attribute], faults: &mut Faults) -> ParamNotes {
    let mut notes = ParamNotes { docs: Docs::read(attrs, faults), ..ParamNotes::default() };
    for attr in attrs {
        let place = Place::of(attr);
        let twice = |faults: &mut Faults, name| {
            faults.push(
                Code::ATTRIBUTE_REPEATED,
                place,
                format!("`#[{name}]` is given twice: keep one"),
            );
        };
        if attr.path().is_ident("arg") {
            if notes.arg.is_some() {
                twice(faults, "arg");
            } else {
                notes.arg = Some((Arg::read(attr, faults), place));
            }
        } else if attr.path().is_ident("input") {
            if notes.input.is_some() {
                twice(faults, "input");
            } else if attr.meta.require_path_only().is_err() {
                faults.push(Code::VALUE_FORM, place, "`#[input]` takes no value: write it alone");
            }
            notes.input = Some(place);
        } else if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
            let message = "a parameter cannot be conditional, for the schema would not follow: put the condition on two whole functions";
            faults.push(Code::CFG_PARAMETER, place, message);
        }
    }
    notes
}
