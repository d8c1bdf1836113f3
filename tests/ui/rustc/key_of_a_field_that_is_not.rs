use mcp_secure::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Refund {
    order: u64,
}

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", idempotency(key = [order_id]))]
async fn request_refund(#[input] refund: Refund) {
    let _ = refund.order;
}

fn main() {
    let _: ToolSet<()> = tools![request_refund];
}
