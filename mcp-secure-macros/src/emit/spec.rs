//! The declaration as one literal of static data.

use mcp_secure_rules::declaration::{Kind as KindOf, Risk as RiskOf};
use mcp_secure_rules::units::{Rate, Scope};
use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt as _;

use crate::model::{Declaration, Input};
use crate::paths::{
    Absent, Access, AnnotationSpec, ApprovalSpec, Bound, IdempotencySpec, InputSpec, Kind,
    LimitSpec, Present, RateLimitSpec, RateScope, ResourceSpec, Risk, RollbackSpec, SourceSpec,
    ToolSpec,
};
use crate::read::value::Scalar;
use crate::types;

/// `ToolSpec { .. }`.
pub(super) fn spec(declared: &Declaration) -> TokenStream {
    let Declaration { name, description, irreversible, .. } = declared;
    let kind = kind(declared);
    let title = option(declared.title.as_ref());
    let risk = risk(declared.risk);
    let access = if let Some(permission) = &declared.permission {
        quote!(#Access::Permission(#permission))
    } else {
        quote!(#Access::Public)
    };
    let resource = option(declared.resource.as_ref().map(|resource| {
        let (type_name, input) = (types::text(&resource.ty), resource.input.unraw().to_string());
        quote!(#ResourceSpec { type_name: #type_name, input: #input })
    }));
    let approval = approval(declared);
    let annotations = {
        let crate::model::Annotations { read_only, destructive, idempotent, open_world } =
            declared.annotations;
        quote!(#AnnotationSpec {
            read_only: #read_only, destructive: #destructive, idempotent: #idempotent, open_world: #open_world,
        })
    };
    let dry_run = option(declared.dry_run.as_ref().map(types::text));
    let idempotency = option(declared.idempotency.as_ref().map(|idempotency| {
        let key = idempotency.key.iter().map(|name| name.unraw().to_string());
        let window = idempotency.window_secs;
        quote!(#IdempotencySpec { key: &[#(#key),*], window_secs: #window })
    }));
    let rollback = option(declared.rollback.as_ref().map(|rollback| {
        let path = types::text(&rollback.path);
        let permission = option(rollback.permission.as_ref());
        let within = option(rollback.within_secs);
        quote!(#RollbackSpec { path: #path, permission: #permission, within_secs: #within })
    }));
    let rates = declared.rate_limits.iter().map(rate);
    let limits = limits(declared);
    let (owner, version, broad) = (
        option(declared.owner.as_ref()),
        option(declared.version.as_ref()),
        option(declared.broad.as_ref()),
    );
    let inputs = declared.inputs.iter().map(input);
    // Including them makes a change of the rules compile the declaration again.
    let house = &declared.house_files;
    // The line is that of the function's name, also where a `macro_rules` macro made it.
    let source = quote_spanned! {declared.shape.ident.span()=>
        #SourceSpec { package: ::core::env!("CARGO_PKG_NAME"), file: ::core::file!(), line: ::core::line!() }
    };
    quote! {
        #ToolSpec {
            kind: #kind,
            name: #name,
            title: #title,
            description: #description,
            risk: #risk,
            access: #access,
            resource: #resource,
            approval: #approval,
            annotations: #annotations,
            dry_run: #dry_run,
            idempotency: #idempotency,
            rollback: #rollback,
            irreversible: #irreversible,
            rate_limits: &[#(#rates),*],
            limits: #limits,
            owner: #owner,
            version: #version,
            broad: #broad,
            inputs: &[#(#inputs),*],
            source: #source,
            house: &[#(::core::include_str!(#house)),*],
        }
    }
}

fn option<T: ToTokens>(value: Option<T>) -> TokenStream {
    if let Some(value) = value { quote!(#Present(#value)) } else { quote!(#Absent) }
}

fn kind(declared: &Declaration) -> TokenStream {
    let Declaration { uri, mime_type, .. } = declared;
    match declared.kind {
        KindOf::Tool => quote!(#Kind::Tool),
        KindOf::Resource => quote!(#Kind::Resource { uri: #uri, mime_type: #mime_type }),
        KindOf::Prompt => quote!(#Kind::Prompt),
    }
}

fn risk(risk: RiskOf) -> TokenStream {
    match risk {
        RiskOf::Low => quote!(#Risk::Low),
        RiskOf::Medium => quote!(#Risk::Medium),
        RiskOf::High => quote!(#Risk::High),
        RiskOf::Critical => quote!(#Risk::Critical),
    }
}

fn approval(declared: &Declaration) -> TokenStream {
    option(declared.approval.as_ref().map(|approval| {
        let by = option(approval.by.as_ref());
        let quorum = Literal::u64_unsuffixed(approval.quorum);
        let expires = approval.expires_secs;
        let when = option(approval.when.as_ref().map(types::text));
        let allow = approval.allow_requester;
        quote!(#ApprovalSpec {
            by: #by, quorum: #quorum, expires_secs: #expires, when: #when, allow_requester: #allow,
        })
    }))
}

fn rate(rate: &Rate) -> TokenStream {
    let Rate { count, period_secs, scope } = rate;
    let scope = match scope {
        Scope::User => quote!(#RateScope::User),
        Scope::Tenant => quote!(#RateScope::Tenant),
        Scope::Tool => quote!(#RateScope::Tool),
    };
    quote!(#RateLimitSpec { count: #count, period_secs: #period_secs, scope: #scope })
}

/// The limits; those not stated are the runtime's defaults, which are written in one place.
fn limits(declared: &Declaration) -> TokenStream {
    let stated = [
        declared.timeout_ms.map(|timeout| quote!(timeout_ms: #timeout)),
        declared.max_output_bytes.map(|bytes| quote!(max_output_bytes: #bytes)),
        declared.max_concurrent.map(|most| {
            let most = Literal::u64_unsuffixed(most);
            quote!(max_concurrent: #Present(#most))
        }),
    ];
    let stated: Vec<TokenStream> = stated.into_iter().flatten().collect();
    if stated.is_empty() {
        quote!(#LimitSpec::DEFAULT)
    } else if stated.len() == 3 {
        quote!(#LimitSpec { #(#stated),* })
    } else {
        quote!(#LimitSpec { #(#stated,)* ..#LimitSpec::DEFAULT })
    }
}

fn input(input: &Input) -> TokenStream {
    let Input { name, description, whole, sensitive, .. } = input;
    let (min, max) =
        (option(input.min.as_ref().and_then(bound)), option(input.max.as_ref().and_then(bound)));
    let (min_len, max_len) = (option(input.min_len), option(input.max_len));
    let pattern = option(input.pattern.as_ref());
    let one_of = input.one_of.iter().map(Scalar::json);
    let default = option(input.default.as_ref().map(Scalar::json));
    quote! {
        #InputSpec {
            name: #name,
            description: #description,
            whole: #whole,
            sensitive: #sensitive,
            min: #min,
            max: #max,
            min_len: #min_len,
            max_len: #max_len,
            pattern: #pattern,
            one_of: &[#(#one_of),*],
            default: #default,
        }
    }
}

/// A number as a bound; reading has refused everything else.
fn bound(value: &Scalar) -> Option<TokenStream> {
    match value {
        Scalar::Int(number) => Some(quote!(#Bound::Int(#number))),
        Scalar::Float(number) => Some(quote!(#Bound::Float(#number))),
        Scalar::Text(_) | Scalar::Bool(_) => None,
    }
}
