use mcp_secure::prelude::*;

struct Order;

/// Shows an order.
#[tool(risk = "low", permission = "order.read", read_only, resource = Order(ordr_id))]
async fn show_order(order_id: u64) {
    let _ = order_id;
}

fn main() {}
