//! What stands in for a refused declaration, so that its name resolves and one mistake stays one message.

use mcp_secure_rules::declaration::{Kind, Risk};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::Visibility;

use super::{marker, spec};
use crate::model::{Annotations, Declaration, Param, Shape};
use crate::paths::{
    BoxFuture, CompanionResult, DryRun, DryRunFits, Entry, Lender, Outcome, OutputType, Reader,
    Rollback, RollbackFits, State, Tool, ToolError, ToolMeta, ToolSpec, Unreachable, When,
    WhenFits,
};
use crate::role::Role;

/// A declaration that passes every later check. It never runs: a `compile_error!` stands beside it.
pub(crate) fn declaration_stub(vis: &Visibility, ident: &Ident) -> TokenStream {
    let marker = marker(vis, ident, "refused declaration");
    let spec = spec::spec(&harmless(vis, ident));
    quote! {
        #marker
        const _: () = {
            #[automatically_derived]
            impl #ToolMeta for #ident {
                const SPEC: &'static #ToolSpec = &#spec;
            }
            #[automatically_derived]
            impl<__S: #State> #Tool<__S> for #ident {
                fn entry() -> #Entry<__S> {
                    #Unreachable!()
                }
            }
        };
    }
}

fn harmless(vis: &Visibility, ident: &Ident) -> Declaration {
    let shape = Shape {
        ident: ident.clone(),
        vis: vis.clone(),
        params: Vec::<Param>::new(),
        output: syn::parse_quote!(()),
    };
    Declaration {
        kind: Kind::Tool,
        shape,
        uri: String::new(),
        mime_type: String::new(),
        name: "refused".to_owned(),
        title: None,
        description: "Refused by the compiler.".to_owned(),
        risk: Risk::Low,
        permission: Some("refused.declaration".to_owned()),
        resource: None,
        approval: None,
        annotations: Annotations {
            read_only: true,
            destructive: false,
            idempotent: true,
            open_world: true,
        },
        dry_run: None,
        idempotency: None,
        rollback: None,
        irreversible: false,
        rate_limits: Vec::new(),
        timeout_ms: None,
        max_output_bytes: None,
        max_concurrent: None,
        owner: None,
        version: None,
        broad: None,
        inputs: Vec::new(),
        house_files: Vec::new(),
    }
}

/// A companion that fits everything.
pub(crate) fn companion_stub(role: Role, vis: &Visibility, ident: &Ident) -> TokenStream {
    let marker = marker(vis, ident, "refused companion");
    let implementation = match role {
        Role::When => quote! {
            impl<__A> #WhenFits<__A> for #ident {}
            impl<__S: #State, __A> #When<__S, __A> for #ident {
                fn ask(_: &#Reader<__S>, _: __A) -> #BoxFuture<'_, #Outcome<bool, #ToolError>> { #Unreachable!() }
            }
        },
        Role::Rollback => quote! {
            impl<__A> #RollbackFits<__A> for #ident {}
            impl<__S: #State, __A> #Rollback<__S, __A> for #ident {
                fn undo(_: #Lender<__S>, _: __A) -> #BoxFuture<'static, #CompanionResult> { #Unreachable!() }
            }
        },
        Role::DryRun | Role::Declaration(_) => quote! {
            impl<__A> #DryRunFits<__A> for #ident {}
            impl<__S: #State, __A> #DryRun<__S, __A> for #ident {
                fn shows() -> #OutputType { #Unreachable!() }
                fn preview(_: &#Reader<__S>, _: __A) -> #BoxFuture<'_, #CompanionResult> { #Unreachable!() }
            }
        },
    };
    quote! {
        #marker
        const _: () = { #implementation };
    }
}
