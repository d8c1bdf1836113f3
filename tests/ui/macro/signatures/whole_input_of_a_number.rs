use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refund(#[input] number: u32) {
    let _ = number;
}

fn main() {}
