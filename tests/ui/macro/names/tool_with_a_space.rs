use mcp_secure::prelude::*;

/// Looks up an order.
#[tool(name = "show order", risk = "low", permission = "order.read", read_only)]
async fn show_order() {}

fn main() {}
