//! The entry in the served table: which helpers are called with which of the user's types.

use mcp_secure_rules::Code;
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Type;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use crate::model::{Declaration, Param, Shape};
use crate::paths::{
    AssertDryRun, AssertNotResourceId, AssertRollback, AssertWhen, Cleared, Converted, DryRun,
    Entry, InputOf, Lender, Lent, LentRead, NotAResourceId, Present, Probe, Reader, Reply,
    Resource, ResourceIds, Rollback, State, Tool, ToolMeta, When, WholeInputOf, at,
};

/// Names of our own. Hygiene keeps the user's variables apart, the underscores also unit structs and constants, which a
/// pattern would match instead of binding.
pub(super) struct Locals {
    pub(super) args: Ident,
    pub(super) from: Ident,
    pub(super) each: Vec<Ident>,
}

impl Locals {
    pub(super) fn of(shape: &Shape) -> Self {
        let local = |name: &str| Ident::new(name, Span::mixed_site());
        let each = (0..shape.inputs().count())
            .map(|index| format_ident!("__a{index}", span = Span::mixed_site()))
            .collect();
        Self { args: local("__args"), from: local("__from"), each }
    }
}

/// The inputs as one tuple type.
pub(super) fn tuple(shape: &Shape) -> TokenStream {
    let types = shape.inputs().map(|(_, ty)| ty);
    quote!((#(#types,)*))
}

/// What the function borrows, as bounds on the state.
pub(super) fn lends(shape: &Shape, read_only: bool) -> Vec<TokenStream> {
    shape
        .lent()
        .map(|ty| {
            let bound = if read_only { at(ty.span(), LentRead) } else { at(ty.span(), Lent) };
            quote_spanned!(ty.span()=> #ty: #bound<__S>)
        })
        .collect()
}

/// The call of the user's function, with what `from` lends and with the inputs in `each`.
pub(super) fn call(shape: &Shape, locals: &Locals) -> TokenStream {
    let mut each = locals.each.iter();
    let from = &locals.from;
    let arguments = shape.params.iter().map(|param| match param {
        Param::Lent(ty) => quote_spanned!(ty.span()=> #from.lend::<#ty>()),
        Param::Input(..) => {
            let input = each.next();
            quote!(#input)
        }
    });
    let ident = &shape.ident;
    quote!(#ident(#(#arguments),*).await)
}

/// The implementation of `Tool` for any state that lends what the function borrows.
pub(super) fn entry(declared: &Declaration) -> TokenStream {
    let shape = &declared.shape;
    let read_only = declared.annotations.read_only;
    let locals = Locals::of(shape);
    let Locals { args, from, each } = &locals;
    let (ident, output, tuple) = (&shape.ident, &shape.output, tuple(shape));
    let mut bounds = lends(shape, read_only);
    let mut steps = Vec::new();
    if let Some(resource) = &declared.resource {
        let ty = &resource.ty;
        let (bound, step) = scope(declared, ty, &resource.input, args, &tuple);
        bounds.push(bound);
        steps.push(step);
    }
    if let Some(path) = &declared.dry_run {
        let named = named(path);
        bounds.push(quote_spanned!(path.span()=> #path: #DryRun<__S, #tuple>));
        steps.push(quote_spanned!(path.span()=> .dry_run::<#named>()));
    }
    if let Some(path) = declared.approval.as_ref().and_then(|approval| approval.when.as_ref()) {
        let named = named(path);
        bounds.push(quote_spanned!(path.span()=> #path: #When<__S, #tuple>));
        steps.push(quote_spanned!(path.span()=> .when::<#named>()));
    }
    if let Some(rollback) = &declared.rollback {
        let path = &rollback.path;
        let named = named(path);
        let done = quote!(<#output as #Reply>::Output);
        bounds.push(quote_spanned!(path.span()=> #path: #Rollback<__S, #done>));
        steps.push(quote_spanned!(path.span()=> .rollback::<#named, #done>()));
    }
    let inputs = shape.inputs().zip(&declared.inputs).map(|((_, ty), input)| {
        if input.whole {
            quote_spanned!(ty.span()=> #WholeInputOf::<#ty>())
        } else {
            quote_spanned!(ty.span()=> #InputOf::<#ty>())
        }
    });
    let extract = extract(declared, &locals);
    let (constructor, lender) =
        if read_only { ("reading", quote!(#Reader)) } else { ("mutating", quote!(#Lender)) };
    // The return type is named once, where the user wrote it, so that an unfit one is one message.
    let place = output.span();
    let constructor = Ident::new(constructor, Span::call_site().located_at(place));
    let entry = at(place, Entry);
    let constructor = quote_spanned!(place=> #entry::#constructor::<_, #output, _, _, _>);
    let lending = if shape.lent().next().is_some() { quote!(#from) } else { quote!(_) };
    let call = call(shape, &locals);
    quote! {
        #[automatically_derived]
        impl<__S> #Tool<__S> for #ident
        where
            __S: #State,
            #(#bounds,)*
        {
            fn entry() -> #Entry<__S> {
                #constructor(
                    <Self as #ToolMeta>::SPEC,
                    #Converted([#(#inputs),*]),
                    #extract,
                    |#args: #Cleared<#tuple>, #lending: #lender<__S>| async move {
                        let (#(#each,)*) = #args.into_args();
                        #call
                    },
                )
                #(#steps)*
                .finish()
            }
        }
    }
}

/// The typed arguments, taken one by one so that every fault is found.
fn extract(declared: &Declaration, locals: &Locals) -> TokenStream {
    let Locals { args, each, .. } = locals;
    if each.is_empty() {
        return quote!(|_| #Present(()));
    }
    let takes =
        declared.shape.inputs().zip(&declared.inputs).zip(each).map(|(((_, ty), input), local)| {
            let name = &input.name;
            if input.whole {
                quote_spanned!(ty.span()=> let #local = #args.whole::<#ty>();)
            } else {
                quote_spanned!(ty.span()=> let #local = #args.take::<#ty>(#name);)
            }
        });
    quote!(|#args| { #(#takes)* #Present((#(#each?,)*)) })
}

/// The bound on the resource's type, and the step that says which input names it.
fn scope(
    declared: &Declaration,
    ty: &Type,
    input: &Ident,
    args: &Ident,
    tuple: &TokenStream,
) -> (TokenStream, TokenStream) {
    let named =
        declared.shape.inputs().enumerate().find(|(_, (name, _))| name.unraw() == input.unraw());
    match named {
        Some((index, (_, id))) => {
            let index = Literal::usize_unsuffixed(index);
            (
                quote_spanned!(ty.span()=> #ty: #Resource<__S, Id = <#id as #ResourceIds>::Id>),
                quote_spanned!(input.span()=> .resource::<#ty, #id>(|#args: &#tuple| &#args.#index)),
            )
        }
        // A field of the whole input: its type cannot be named here, so the runtime compares it.
        None => (
            quote_spanned!(ty.span()=> #ty: #Resource<__S>),
            quote_spanned!(input.span()=> .resource_field::<#ty, _>(|#args: &#tuple| &#args.0.#input)),
        ),
    }
}

/// The path of a companion as an argument of a generic function. In parentheses it can only be a type, so that a
/// function without its attribute is one message.
fn named(path: &syn::Path) -> TokenStream {
    let span = Span::call_site().located_at(path.span());
    quote_spanned!(span=> (#path))
}

/// What the compiler is asked to prove where the declaration stands, rather than where it is served.
pub(super) fn proofs(declared: &Declaration) -> TokenStream {
    let shape = &declared.shape;
    let (output, tuple) = (&shape.output, tuple(shape));
    let mut proofs = Vec::new();
    if let Some(path) = &declared.dry_run {
        let named = named(path);
        proofs.push(quote_spanned!(path.span()=> const _: () = #AssertDryRun::<#named, #tuple>();));
    }
    if let Some(path) = declared.approval.as_ref().and_then(|approval| approval.when.as_ref()) {
        let named = named(path);
        proofs.push(quote_spanned!(path.span()=> const _: () = #AssertWhen::<#named, #tuple>();));
    }
    if let Some(rollback) = &declared.rollback {
        let path = &rollback.path;
        let named = named(path);
        proofs.push(quote_spanned!(path.span()=> const _: () = #AssertRollback::<#named, <#output as #Reply>::Output>();));
    }
    let whole = declared.inputs.iter().any(|input| input.whole);
    if let (true, Some((_, ty))) = (whole, shape.inputs().next()) {
        // The fields that a key names are there.
        let fields = declared.idempotency.iter().flat_map(|idempotency| &idempotency.key);
        proofs.extend(fields.map(|field| quote_spanned!(field.span()=> const _: fn(&#ty) = |__whole| { let _ = &__whole.#field; };)));
    }
    if declared.broad.is_none() && !whole {
        proofs.extend(unnamed_ids(declared));
    }
    quote!(#(#proofs)*)
}

/// R12: an input that is a resource id is named by `resource`.
fn unnamed_ids(declared: &Declaration) -> Vec<TokenStream> {
    let named = declared.resource.as_ref().map(|resource| resource.input.unraw());
    let mut proofs: Vec<TokenStream> = declared
        .shape
        .inputs()
        .filter(|(name, _)| named.as_ref() != Some(&name.unraw()))
        .map(|(name, ty)| {
            let code = Code::UNNAMED_RESOURCE_ID;
            let message = format!("`{name}` is a resource id that no `resource` names: add `resource = Type({name})`, or say why with `broad = \"...\"` [{code}]");
            let (assert, probe) = (at(ty.span(), AssertNotResourceId), at(ty.span(), Probe));
            quote_spanned!(ty.span()=> const _: () = #assert(#probe::<#ty>::IS_RESOURCE_ID, #message);)
        })
        .collect();
    if !proofs.is_empty() {
        proofs.insert(0, quote!(use #NotAResourceId as _;));
    }
    proofs
}
