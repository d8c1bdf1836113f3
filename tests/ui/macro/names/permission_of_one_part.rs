use mcp_secure::prelude::*;

/// Looks up an order.
#[tool(risk = "low", permission = "orders", read_only)]
async fn show_order() {}

fn main() {}
