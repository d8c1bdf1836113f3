//! `#[derive(ToolOutput)]`: a value that serialises as an object and holds no secret.

use mcp_secure_rules::Code;
use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{Attribute, Data, DataEnum, DeriveInput, Fields, Meta};

use super::is_generic;
use crate::diagnostics::{Faults, Place};
use crate::expand::Expansion;
use crate::paths::{
    Optional, Outcome, Output, Schema, SchemaGenerator, Structured, StructuredSchema, ToolError,
    ToolOutput, Unreachable,
};
use crate::types;

/// The implementation for one output.
pub(crate) fn tool_output(input: &DeriveInput) -> Expansion {
    let mut faults = Faults::default();
    let name = &input.ident;
    if is_generic(input) {
        let message = format!(
            "the output `{name}` has one schema, made from concrete types: write them out instead of generics"
        );
        faults.push(Code::OUTPUT_SHAPE, Place::of(&input.generics), message);
        return Expansion { tokens: TokenStream::new(), faults: faults.take() };
    }
    shape(input, &mut faults);
    secrets(input, &mut faults);
    let faults = faults.take();
    let (schema, output) = if faults.is_empty() {
        (quote!(#StructuredSchema::<Self>(__generator)), quote!(#Structured(&self)))
    } else {
        (quote!({ let _ = __generator; #Unreachable!() }), quote!(#Unreachable!()))
    };
    let tokens = quote! {
        #[automatically_derived]
        impl #ToolOutput for #name {
            fn schema(__generator: &mut #SchemaGenerator) -> #Optional<#Schema> {
                #schema
            }
            fn into_output(self) -> #Outcome<#Output, #ToolError> {
                #output
            }
        }
    };
    Expansion { tokens, faults }
}

fn shape(input: &DeriveInput, faults: &mut Faults) {
    let name = &input.ident;
    let serde = serde_words(&input.attrs);
    if serde.iter().any(|word| word == "transparent") {
        let message = format!(
            "`{name}` is transparent and serialises as what is inside it: derive `ToolOutput` on that, or remove `transparent`"
        );
        faults.push(Code::OUTPUT_SHAPE, name.span(), message);
        return;
    }
    match &input.data {
        Data::Struct(data) => {
            if !matches!(data.fields, Fields::Named(_)) {
                let message = format!(
                    "`{name}` does not serialise as an object, which a client expects: give it named fields"
                );
                faults.push(Code::OUTPUT_SHAPE, name.span(), message);
            }
        }
        Data::Enum(data) => variants(input, data, &serde, faults),
        Data::Union(_) => faults.push(
            Code::OUTPUT_SHAPE,
            name.span(),
            format!("`{name}` is a union, which does not serialise: use a struct"),
        ),
    }
}

fn variants(input: &DeriveInput, data: &DataEnum, serde: &[String], faults: &mut Faults) {
    let name = &input.ident;
    let says = |word: &str| serde.iter().any(|found| found == word);
    if data.variants.is_empty() {
        faults.push(
            Code::OUTPUT_SHAPE,
            name.span(),
            format!("`{name}` has no value at all: give it a variant"),
        );
    }
    for variant in &data.variants {
        let is_object = match &variant.fields {
            Fields::Named(_) => true,
            Fields::Unit => says("tag"),
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => true,
            Fields::Unnamed(_) => !says("untagged"),
        };
        if !is_object {
            let message = format!(
                "`{}` does not serialise as an object, which a client expects: add `#[serde(tag = \"kind\")]` to `{name}`",
                variant.ident
            );
            faults.push(Code::OUTPUT_SHAPE, variant.ident.span(), message);
        }
    }
}

/// The words of `#[serde(...)]` at its first level.
fn serde_words(attrs: &[Attribute]) -> Vec<String> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("serde"))
        .filter_map(|attr| match &attr.meta {
            Meta::List(list) => Some(list.tokens.clone()),
            _ => None,
        })
        .flatten()
        .filter_map(|token| match token {
            TokenTree::Ident(word) => Some(word.to_string()),
            _ => None,
        })
        .collect()
}

fn secrets(input: &DeriveInput, faults: &mut Faults) {
    let fields: Vec<&syn::Field> = match &input.data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Enum(data) => data.variants.iter().flat_map(|variant| &variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    };
    for field in fields {
        if let Some(secret) = types::secret(&field.ty) {
            let name = field
                .ident
                .as_ref()
                .map_or_else(|| "this field".to_owned(), |name| format!("`{name}`"));
            let message = format!(
                "{name} would show a secret to the model and the client: leave it out, or return a masked form"
            );
            faults.push(Code::SECRET_FIELD, Place::of(secret), message);
        }
    }
}
