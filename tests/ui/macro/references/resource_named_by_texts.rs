use mcp_secure::prelude::*;

struct Order;

/// Shows some orders.
#[tool(risk = "low", permission = "order.read", read_only, resource = Order(orders))]
async fn show_orders(orders: Option<Vec<String>>) {
    let _ = orders;
}

fn main() {}
