use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refund<N: Into<u64>>(number: N) {
    let _ = number.into();
}

fn main() {}
