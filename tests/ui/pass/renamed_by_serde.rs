//! A rename changes what clients see and nothing else: bounds, the key and the policy stay. A field of the key has one name.

use mcp_secure::manifest::Manifest;
use mcp_secure::prelude::*;
use serde::Deserialize;

#[derive(Deserialize, schemars::JsonSchema)]
struct Refund {
    order_number: u64,
    #[serde(rename = "cents")]
    #[schemars(range(min = 1, max = 500))]
    amount_cents: u32,
}

/// Request a refund for an order.
#[tool(name = "refund", risk = "high", permission = "refund.request", approval, idempotency(key = [order_number]))]
async fn request_refund(#[input] refund: Refund) {
    let _ = (refund.order_number, refund.amount_cents);
}

pub(super) fn main() {
    let tools: ToolSet<()> = tools![request_refund];
    let manifest = Manifest::of("desk", "1.0.0", Some("desk-team"), tools).unwrap().to_json();
    for shown in ["\"refund\"", "\"refund.request\"", "\"order_number\"", "\"cents\"", "500"] {
        assert!(manifest.contains(shown), "{shown} in {manifest}");
    }
    assert!(!manifest.contains("amount_cents"), "{manifest}");
}
