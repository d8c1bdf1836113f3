use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refund(number: impl Into<u64>) {
    let _ = number.into();
}

fn main() {}
