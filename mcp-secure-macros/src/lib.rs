//! The attribute and derive macros of `mcp-secure`.
//!
//! Use them through `mcp_secure::prelude`. Each macro reads a raw model with spans, checks it while collecting every
//! fault, and emits static data with one-line calls; nothing that enforces a policy is in generated code.

mod check;
mod derive;
mod diagnostics;
mod emit;
mod expand;
mod house;
mod model;
mod paths;
mod read;
mod role;
#[cfg(test)]
mod tests;
mod types;

use mcp_secure_rules::declaration::Kind;
use proc_macro::TokenStream;

use crate::expand::Expansion;
use crate::house::House;
use crate::role::Role;

fn attribute(role: Role, attr: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(role, attr.into(), item.into(), &House::of_package()).into_tokens().into()
}

fn derive(item: TokenStream, expand: fn(&syn::DeriveInput) -> Expansion) -> TokenStream {
    match syn::parse(item) {
        Ok(input) => expand(&input).into_tokens().into(),
        Err(error) => error.to_compile_error().into(),
    }
}

/// Declares a tool together with its policy.
///
/// It stands on a free `async fn`, which stays as it was written and can be called in a unit test. Borrowed parameters
/// (`&T`) are lent by the server, owned ones come from the model and make the input schema. The doc comment is what the
/// model reads. What the attribute lacks or contradicts does not compile, and the message says what to write.
///
/// ```ignore
/// /// Request a refund for an order. A support lead decides on it.
/// #[tool(risk = "high", permission = "refund.request", resource = Order(order_id), approval)]
/// async fn request_refund(
///     refunds: &RefundService,
///     order_id: OrderId,
///     #[arg(min = 1, max = 500_000)] amount_cents: u32,
/// ) -> Result<RefundReceipt, RefundError> {
///     refunds.request(order_id, amount_cents).await
/// }
/// ```
///
/// `risk` and a `permission` (or `public`) have to be there. A tool that may do harm also needs a control: `approval`,
/// `dry_run`, `idempotency`, `rollback`, `rate_limit`, or a permission that is checked on a `resource`.
///
/// | key | form |
/// |---|---|
/// | `risk` | `"low"`, `"medium"`, `"high"`, `"critical"` |
/// | `permission` | `"refund.request"` |
/// | `public` | flag; only with `read_only` and `risk = "low"` |
/// | `resource` | `Order(order_id)` |
/// | `approval` | flag, or `approval(by = "refund.approve", quorum = 2, expires = "24h", when = path, allow_requester)` |
/// | `read_only`, `destructive`, `idempotent`, `open_world` | flags, also `= false` |
/// | `dry_run` | path of a `#[dry_run]` function |
/// | `idempotency` | flag, or `idempotency(key = [order_id], window = "24h")` |
/// | `rollback` | `rollback(path, permission = "refund.cancel", within = "7d")` |
/// | `irreversible` | flag |
/// | `rate_limit` | `"10/min per user"`, or a list |
/// | `timeout`, `max_output`, `max_concurrent` | `"10s"`, `"64KiB"`, `4` |
/// | `owner`, `title`, `name`, `version` | texts |
/// | `broad` | why the tool accepts raw power, free JSON or unnamed ids |
///
/// On inputs: a doc comment, `#[arg(min, max, min_len, max_len, pattern, one_of, default, sensitive)]`, and `#[input]`
/// on the one owned parameter that is the whole arguments object.
#[proc_macro_attribute]
pub fn tool(attr: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Role::Declaration(Kind::Tool), attr, item)
}

/// Declares a resource that clients read by URI, with its policy. It is read-only and of low risk unless it says more.
///
/// ```ignore
/// /// An article of the knowledge base.
/// #[resource(uri = "kb://articles/{slug}", mime_type = "text/markdown", permission = "kb.read")]
/// async fn article(kb: &KnowledgeBase, slug: Slug) -> Result<Content, KbError> { /* ... */ }
/// ```
///
/// Each variable of the template is an input, and each input a variable. Keys that speak of effects are refused.
#[proc_macro_attribute]
pub fn resource(attr: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Role::Declaration(Kind::Resource), attr, item)
}

/// Declares a prompt, with its policy. It is read-only and of low risk unless it says more.
///
/// ```ignore
/// /// Review a refund before asking for it.
/// #[prompt(permission = "refund.request", resource = Order(order_id))]
/// async fn refund_review(orders: &OrderBook, order_id: OrderId) -> Result<Content, OrderError> { /* ... */ }
/// ```
#[proc_macro_attribute]
pub fn prompt(attr: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Role::Declaration(Kind::Prompt), attr, item)
}

/// Marks the preview that a tool names with `dry_run = path`: the tool's inputs, and read-only borrows.
#[proc_macro_attribute]
pub fn dry_run(attr: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Role::DryRun, attr, item)
}

/// Marks the predicate that a tool names with `approval(when = path)`: the tool's inputs, read-only borrows, and `bool`
/// or `Result<bool, E>` as the answer.
#[proc_macro_attribute]
pub fn when(attr: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Role::When, attr, item)
}

/// Marks the compensating action that a tool names with `rollback(path)`: it owns one parameter, the tool's output.
#[proc_macro_attribute]
pub fn rollback(attr: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Role::Rollback, attr, item)
}

/// Makes a struct with named fields the application's state: each field is lent by its type.
///
/// `#[state(write)]` keeps a field from read-only functions, `#[state(skip)]` does not lend it at all.
#[proc_macro_derive(State, attributes(state))]
pub fn derive_state(item: TokenStream) -> TokenStream {
    derive(item, derive::state)
}

/// Makes a type that derives `Serialize` and `JsonSchema` a tool's output. It has to serialise as an object.
#[proc_macro_derive(ToolOutput)]
pub fn derive_tool_output(item: TokenStream) -> TokenStream {
    derive(item, derive::tool_output)
}

/// Makes a newtype the id of a resource.
#[proc_macro_derive(ResourceId)]
pub fn derive_resource_id(item: TokenStream) -> TokenStream {
    derive(item, derive::resource_id)
}
