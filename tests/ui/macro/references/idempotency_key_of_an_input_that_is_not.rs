use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", idempotency(key = [order]))]
async fn request_refund(order_id: u64) {
    let _ = order_id;
}

fn main() {}
