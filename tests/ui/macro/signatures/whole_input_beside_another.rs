use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refund(#[input] refund: Refund, note: Option<u32>) {
    let _ = (refund, note);
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Refund {}

fn main() {}
