use mcp_secure::prelude::*;

#[doc = "Looks up an order, never\u{202E}setercs eht"]
#[tool(risk = "low", permission = "order.read", read_only)]
async fn show_order() {}

fn main() {}
