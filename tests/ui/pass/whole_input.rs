//! One struct may be the whole arguments object; keys name its fields.

use mcp_secure::prelude::*;
use mcp_secure::manifest::Manifest;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Refund {
    order_number: u64,
    #[schemars(range(min = 1, max = 500_000))]
    amount_cents: u32,
}

/// Request a refund for an order.
#[tool(risk = "high", permission = "refund.request", idempotency(key = [order_number]))]
async fn request_refund(#[input] refund: Refund) -> Content {
    Content::text(format!("{} for {}", refund.amount_cents, refund.order_number))
}

pub(super) fn main() {
    let tools: ToolSet<()> = tools![request_refund];
    let manifest = Manifest::of("desk", "1.0.0", Some("desk-team"), tools).unwrap().to_json();
    assert!(manifest.contains("\"order_number\""), "{manifest}");
    assert!(!manifest.contains("\"refund\":"), "{manifest}");
}
