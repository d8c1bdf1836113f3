//! A library that denies every lint it can, with one declaration of each kind.
#![forbid(unsafe_code)]
#![deny(
    warnings,
    deprecated_safe,
    future_incompatible,
    keyword_idents,
    let_underscore,
    nonstandard_style,
    refining_impl_trait,
    rust_2018_idioms,
    rust_2021_compatibility,
    rust_2024_compatibility,
    unused,
    absolute_paths_not_starting_with_crate,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    macro_use_extern_crate,
    meta_variable_misuse,
    missing_abi,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    non_ascii_idents,
    redundant_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unnameable_types,
    unreachable_pub,
    unused_extern_crates,
    unused_import_braces,
    unused_lifetimes,
    unused_macro_rules,
    unused_qualifications,
    unused_results,
    variant_size_differences,
    clippy::all,
    clippy::cargo,
    clippy::nursery,
    clippy::pedantic,
    clippy::absolute_paths,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::clone_on_ref_ptr,
    clippy::default_numeric_fallback,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::let_underscore_must_use,
    clippy::let_underscore_untyped,
    clippy::missing_docs_in_private_items,
    clippy::missing_inline_in_public_items,
    clippy::missing_trait_methods,
    clippy::multiple_inherent_impl,
    clippy::panic,
    clippy::pattern_type_mismatch,
    clippy::print_stdout,
    clippy::same_name_method,
    clippy::shadow_reuse,
    clippy::shadow_same,
    clippy::shadow_unrelated,
    clippy::std_instead_of_core,
    clippy::todo,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::wildcard_imports
)]
#![expect(
    clippy::missing_inline_in_public_items,
    clippy::multiple_crate_versions,
    reason = "what is inlined and what others depend on is no matter of the expansion"
)]

use core::future::ready;

use mcp_secure::prelude::{
    Content, ResourceId, State, ToolError, ToolOutput, ToolSet, dry_run, prompt, resource, rollback,
    tool, tools, when,
};

/// What pays refunds.
#[derive(Debug)]
pub struct Refunds {
    /// The account that pays.
    account: String,
}

impl Refunds {
    /// Pays one.
    async fn pay(&self, number: u64) -> Receipt {
        ready(Receipt { reference: format!("{}/{number}", self.account) }).await
    }
}

/// What is served.
#[derive(Debug, State)]
pub struct App {
    /// What pays refunds.
    #[state(write)]
    refunds: Refunds,
}

/// The id of an order.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema, ResourceId)]
pub struct OrderId(String);

/// A refund that was paid.
#[derive(Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema, ToolOutput)]
pub struct Receipt {
    /// What the bank calls it.
    reference: String,
}

/// Says what would be paid.
#[dry_run]
pub async fn preview(number: u64) -> Receipt {
    ready(Receipt { reference: format!("none/{number}") }).await
}

/// Says whether a lead decides.
#[when]
pub async fn is_large(number: u64) -> bool {
    ready(number > 5).await
}

/// Takes a refund back.
#[rollback]
pub async fn cancel(refunds: &Refunds, receipt: Receipt) -> Receipt {
    let undone = refunds.pay(0).await;
    ready(Receipt { reference: format!("{} {}", receipt.reference, undone.reference) }).await
}

/// Asks for a refund of an order.
///
/// # Errors
/// Never.
#[tool(
    risk = "high",
    permission = "refund.request",
    approval(when = is_large),
    dry_run = preview,
    rollback(cancel),
    idempotency(key = [number]),
    rate_limit = "10/min per user"
)]
pub async fn request_refund(
    refunds: &Refunds,
    #[arg(min = 1, max = 500)] number: u64,
) -> Result<Receipt, ToolError> {
    Ok(refunds.pay(number).await)
}

/// An article of the knowledge base.
#[resource(uri = "kb://articles/{number}", mime_type = "text/markdown", permission = "kb.read")]
pub async fn article(number: u32) -> Content {
    ready(Content::text(format!("article {number}"))).await
}

/// Reviews a refund.
#[prompt(permission = "refund.request")]
pub async fn review(number: u32) -> Content {
    ready(Content::text(format!("read about {number} first"))).await
}

/// Everything that is served.
#[must_use]
pub fn all() -> ToolSet<App> {
    tools![request_refund, article, review]
}
