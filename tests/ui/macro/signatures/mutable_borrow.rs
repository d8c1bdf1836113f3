use mcp_secure::prelude::*;

struct Refunds;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refund(refunds: &mut Refunds) {
    let _ = refunds;
}

fn main() {}
