//! `#[derive(ResourceId)]`: a newtype that names one resource.

use mcp_secure_rules::Code;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput};

use super::is_generic;
use crate::diagnostics::{Faults, Place};
use crate::expand::Expansion;
use crate::paths::{
    Converted, ResourceId, ResourceIds, StdString, StdToString, StdVec, Unreachable,
};

/// The implementations for one id.
pub(crate) fn resource_id(input: &DeriveInput) -> Expansion {
    let mut faults = Faults::default();
    let name = &input.ident;
    if is_generic(input) {
        let message = format!("the id `{name}` is one concrete type: remove its generics");
        faults.push(Code::RESOURCE_ID_SHAPE, Place::of(&input.generics), message);
        return Expansion { tokens: TokenStream::new(), faults: faults.take() };
    }
    let member = match &input.data {
        Data::Struct(data) if data.fields.len() == 1 => data.fields.members().next(),
        Data::Struct(_) | Data::Enum(_) | Data::Union(_) => None,
    };
    if member.is_none() {
        let message = format!(
            "`{name}` is no newtype: an id is a struct with exactly one field, as `struct {name}(String);`"
        );
        faults.push(Code::RESOURCE_ID_SHAPE, name.span(), message);
    }
    let text = member.map_or_else(
        || quote!(#Unreachable!()),
        |member| quote!(#StdToString::to_string(&self.#member)),
    );
    let tokens = quote! {
        #[automatically_derived]
        impl #ResourceId for #name {
            fn id_text(&self) -> #StdString {
                #text
            }
        }
        #[automatically_derived]
        impl #ResourceIds for #name {
            type Id = Self;
            fn each(&self) -> #StdVec<&Self> {
                #Converted([self])
            }
        }
    };
    Expansion { tokens, faults: faults.take() }
}
