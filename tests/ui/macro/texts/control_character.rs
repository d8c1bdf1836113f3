use mcp_secure::prelude::*;

/// Looks up an order.
#[tool(risk = "low", permission = "order.read", read_only, title = "Orders\u{1b}[2J")]
async fn show_order() {}

fn main() {}
