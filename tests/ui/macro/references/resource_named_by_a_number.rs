use mcp_secure::prelude::*;

struct Order;

/// Shows an order.
#[tool(risk = "low", permission = "order.read", read_only, resource = Order(number))]
async fn show_order(number: u64) {
    let _ = number;
}

fn main() {}
