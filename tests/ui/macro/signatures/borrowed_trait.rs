use mcp_secure::prelude::*;

trait Payments: Sync {}

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refund(payments: &dyn Payments) {
    let _ = payments;
}

fn main() {}
