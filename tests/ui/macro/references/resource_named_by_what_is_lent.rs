use mcp_secure::prelude::*;

struct Order;
struct OrderBook;

/// Shows an order.
#[tool(risk = "low", permission = "order.read", read_only, resource = Order(orders))]
async fn show_order(orders: &OrderBook, order_id: u64) {
    let _ = (orders, order_id);
}

fn main() {}
