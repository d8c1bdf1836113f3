//! Previews, predicates and compensations: a type-level name that proves what they take and borrow.

use proc_macro2::TokenStream;
use quote::quote;

use super::entry::{Locals, call, lends, tuple};
use super::marker;
use crate::model::Shape;
use crate::paths::{
    Answer, BoxFuture, Boxed, CompanionResult, DryRun, DryRunFits, Lender, Outcome, OutputType,
    Reader, ReplyOf, Rollback, RollbackFits, State, ToolError, When, WhenFits,
};
use crate::role::Role;

/// A companion and its function.
pub(crate) fn companion(role: Role, shape: &Shape, function: &TokenStream) -> TokenStream {
    let (ident, output) = (&shape.ident, &shape.output);
    let marker = marker(&shape.vis, ident, "companion");
    let locals = Locals::of(shape);
    let Locals { args, from, each } = &locals;
    let call = call(shape, &locals);
    let from = if shape.lent().next().is_some() { quote!(#from) } else { quote!(_) };
    let tuple = tuple(shape);
    let bounds = lends(shape, role != Role::Rollback);
    let implementation = match role {
        Role::When => quote! {
            #[automatically_derived]
            impl #WhenFits<#tuple> for #ident {}
            #[automatically_derived]
            impl<__S> #When<__S, #tuple> for #ident
            where
                __S: #State,
                #(#bounds,)*
            {
                fn ask(#from: &#Reader<__S>, #args: #tuple) -> #BoxFuture<'_, #Outcome<bool, #ToolError>> {
                    #Boxed::pin(async move { let (#(#each,)*) = #args; #Answer(#call) })
                }
            }
        },
        Role::Rollback => {
            let done = shape.inputs().map(|(_, ty)| ty);
            let done = quote!(#(#done)*);
            quote! {
                #[automatically_derived]
                impl #RollbackFits<#done> for #ident {}
                #[automatically_derived]
                impl<__S> #Rollback<__S, #done> for #ident
                where
                    __S: #State,
                    #(#bounds,)*
                {
                    fn undo(#from: #Lender<__S>, #(#each)*: #done) -> #BoxFuture<'static, #CompanionResult> {
                        #Boxed::pin(async move { #ReplyOf(#call) })
                    }
                }
            }
        }
        Role::DryRun | Role::Declaration(_) => quote! {
            #[automatically_derived]
            impl #DryRunFits<#tuple> for #ident {}
            #[automatically_derived]
            impl<__S> #DryRun<__S, #tuple> for #ident
            where
                __S: #State,
                #(#bounds,)*
            {
                fn shows() -> #OutputType {
                    #OutputType::of::<#output>()
                }
                fn preview(#from: &#Reader<__S>, #args: #tuple) -> #BoxFuture<'_, #CompanionResult> {
                    #Boxed::pin(async move { let (#(#each,)*) = #args; #ReplyOf(#call) })
                }
            }
        },
    };
    quote! {
        #function
        #marker
        const _: () = { #implementation };
    }
}
