use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refund((order, cents): (u32, u32)) {
    let _ = (order, cents);
}

fn main() {}
