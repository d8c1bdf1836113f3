//! Generated code does not go by names that a module may take for itself.
#![allow(dead_code, reason = "the names are there to be in the way")]

use mcp_secure::prelude::{ResourceId, State, ToolOutput, ToolSet, resource, rollback, tool, tools};

struct Result;
struct Option;
struct Box;
struct Vec;
struct String;
struct Some;
struct None;
struct Ok;
struct Err;
struct ToString;
struct Default;
struct Fn;
struct Future;
struct Send;
struct Self_;
mod std {}
mod core {}
mod serde_json {}

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, ToolOutput)]
struct Receipt {
    number: u64,
}

struct Refunds;

#[derive(State)]
struct App {
    #[state(write)]
    refunds: Refunds,
}

#[derive(ResourceId)]
struct OrderId(u64);

#[rollback]
async fn cancel(_refunds: &Refunds, _receipt: Receipt) -> Receipt {
    Receipt { number: 0 }
}

/// Request a refund for an order.
#[tool(risk = "high", permission = "refund.request", rollback(cancel), idempotency(key = [number]))]
async fn request_refund(_refunds: &Refunds, #[arg(min = 1, default = 1)] number: u64) -> Receipt {
    Receipt { number }
}

/// An article of the knowledge base.
#[resource(uri = "kb://articles/{number}", mime_type = "text/markdown", permission = "kb.read")]
async fn article(number: u32) -> ::mcp_secure::tool::Content {
    ::mcp_secure::tool::Content::text(::std::format!("article {number}"))
}

pub(super) fn main() {
    let _: ToolSet<App> = tools![request_refund, article];
}
