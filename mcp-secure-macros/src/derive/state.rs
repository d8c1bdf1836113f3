//! `#[derive(State)]`: each field is lent by its type.

use mcp_secure_rules::Code;
use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Field, Fields, Meta};

use super::is_generic;
use crate::diagnostics::{Faults, Place};
use crate::expand::Expansion;
use crate::paths::{Lender, Lent, LentRead, State};
use crate::read::entries::{entries, unknown_key};
use crate::read::value::flag;
use crate::types;

const KEYS: [&str; 2] = ["write", "skip"];

/// The implementations for one state.
pub(crate) fn state(input: &DeriveInput) -> Expansion {
    let mut faults = Faults::default();
    let name = &input.ident;
    if is_generic(input) {
        let place = Place::of(&input.generics);
        faults.push(
            Code::STATE_SHAPE,
            place,
            format!(
                "the state `{name}` is one concrete type: write its types out instead of generics"
            ),
        );
        return Expansion { tokens: TokenStream::new(), faults: faults.take() };
    }
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Some(&fields.named),
            Fields::Unnamed(_) | Fields::Unit => None,
        },
        Data::Enum(_) | Data::Union(_) => None,
    };
    let state = State;
    let mut tokens = quote! {
        #[automatically_derived]
        impl #state for #name {}
    };
    let Some(fields) = fields else {
        faults.push(
            Code::STATE_SHAPE,
            name.span(),
            format!("the state `{name}` is a struct with named fields, each lent by its type"),
        );
        return Expansion { tokens, faults: faults.take() };
    };
    let mut seen: Vec<(String, &Field)> = Vec::new();
    for field in fields {
        let options = options(field, &mut faults);
        if options.skip {
            continue;
        }
        let text = types::plain(&field.ty).to_token_stream().to_string();
        if let Some((_, first)) = seen.iter().find(|(earlier, _)| *earlier == text) {
            let first = first.ident.as_ref().map(ToString::to_string).unwrap_or_default();
            let message = format!(
                "`{}` is lent as `{first}` already: use a newtype for one of the two, or `#[state(skip)]`",
                types::text(&field.ty)
            );
            faults.push(Code::STATE_FIELD_TWICE, Place::of(&field.ty), message);
            continue;
        }
        if let Some(own @ ("Principal" | "CallContext")) = types::name(&field.ty).as_deref() {
            let message = format!(
                "`{own}` is lent by the server itself, for each call anew: remove the field, or `#[state(skip)]` it"
            );
            faults.push(Code::STATE_FIELD_TWICE, Place::of(&field.ty), message);
            continue;
        }
        seen.push((text, field));
        lend(input, field, options.write).to_tokens(&mut tokens);
    }
    Expansion { tokens, faults: faults.take() }
}

struct Options {
    write: bool,
    skip: bool,
}

fn options(field: &Field, faults: &mut Faults) -> Options {
    let mut options = Options { write: false, skip: false };
    let mut latest = None;
    for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("state")) {
        let Meta::List(inside) = &attr.meta else {
            faults.push(Code::VALUE_FORM, Place::of(attr), "this is not how `#[state]` is written: write `#[state(write)]` or `#[state(skip)]`");
            continue;
        };
        if inside.tokens.is_empty() {
            faults.push(
                Code::VALUE_EMPTY,
                Place::of(attr),
                "`#[state()]` says nothing: write `#[state(write)]` or `#[state(skip)]`",
            );
        }
        for entry in entries(inside.tokens.clone(), faults).0 {
            let slot = match entry.name().as_str() {
                "write" => &mut options.write,
                "skip" => &mut options.skip,
                _ => {
                    unknown_key(&entry, "#[state]", &KEYS, faults);
                    continue;
                }
            };
            if std::mem::replace(slot, true) {
                faults.push(
                    Code::KEY_REPEATED,
                    entry.key.span(),
                    format!("`{}` is given twice: keep one", entry.key),
                );
            }
            flag(&entry, faults);
            latest = Some(entry.key.span());
        }
    }
    if let (true, true, Some(key)) = (options.write, options.skip, latest) {
        faults.push(
            Code::KEY_MISPLACED,
            key,
            "a skipped field is not lent at all, so `write` has no meaning: keep one of the two",
        );
    }
    options
}

fn lend(input: &DeriveInput, field: &Field, write: bool) -> TokenStream {
    let (state, ty, name) = (&input.ident, &field.ty, &field.ident);
    let read = (!write).then(|| {
        quote_spanned! {ty.span()=>
            #[automatically_derived]
            impl #LentRead<#state> for #ty {}
        }
    });
    quote_spanned! {ty.span()=>
        #[automatically_derived]
        impl #Lent<#state> for #ty {
            fn lend(__from: &#Lender<#state>) -> &Self {
                &__from.state().#name
            }
        }
        #read
    }
}
