//! Emitting: static data and one-line calls to generic helpers. Nothing here can fail, and nothing here enforces.

mod companion;
mod entry;
mod spec;
mod stub;

pub(crate) use companion::companion;
pub(crate) use stub::{companion_stub, declaration_stub};

use mcp_secure_rules::declaration::Kind;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::Visibility;

use crate::model::Declaration;
use crate::paths::ToolMeta;
use crate::read::function::Function;

/// The function as written, less the notes on its parameters.
pub(crate) fn function(function: &Function) -> TokenStream {
    let Function { attrs, vis, sig, body } = function;
    // Without a body there is a fault already, and a free function without one would be another.
    let unreachable = crate::paths::Unreachable;
    let Some(body) = body else {
        // Its parameters cannot be used, which is no second mistake.
        return quote!(#(#attrs)* #[allow(unused_variables)] #vis #sig { #unreachable!() });
    };
    quote!(#(#attrs)* #vis #sig #body)
}

/// The type of the function's name: braces keep it out of the namespace of values, so that both may be imported at once.
fn marker(vis: &Visibility, ident: &Ident, what: &str) -> TokenStream {
    let doc = format!(" The {what} `{ident}` as a type, by which it is listed and referred to.");
    quote! {
        #[doc = #doc]
        #[allow(non_camel_case_types, missing_debug_implementations, missing_copy_implementations, unreachable_pub)]
        #vis struct #ident {}
    }
}

/// A declaration and its function.
pub(crate) fn declaration(declared: &Declaration, function: &TokenStream) -> TokenStream {
    let ident = &declared.shape.ident;
    let what = match declared.kind {
        Kind::Tool => "tool",
        Kind::Resource => "resource",
        Kind::Prompt => "prompt",
    };
    let marker = marker(&declared.shape.vis, ident, what);
    let spec = spec::spec(declared);
    let entry = entry::entry(declared);
    let proofs = entry::proofs(declared);
    let tool_meta = ToolMeta;
    let tool_spec = crate::paths::ToolSpec;
    quote! {
        #function
        #marker
        const _: () = {
            #[automatically_derived]
            impl #tool_meta for #ident {
                const SPEC: &'static #tool_spec = &#spec;
            }
            #entry
            #proofs
        };
    }
}
