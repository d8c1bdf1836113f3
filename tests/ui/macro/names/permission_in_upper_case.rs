use mcp_secure::prelude::*;

/// Looks up an order.
#[tool(risk = "low", permission = "Order.Read", read_only)]
async fn show_order() {}

fn main() {}
