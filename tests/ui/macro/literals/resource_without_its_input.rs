use mcp_secure::prelude::*;

/// Shows an order.
#[tool(risk = "low", permission = "order.read", read_only, resource = Order)]
async fn show_order(number: u64) {
    let _ = number;
}

fn main() {}
