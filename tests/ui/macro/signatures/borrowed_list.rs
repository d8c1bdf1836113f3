use mcp_secure::prelude::*;

/// Asks for refunds of some orders.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refunds(orders: &[u32]) {
    let _ = orders;
}

fn main() {}
