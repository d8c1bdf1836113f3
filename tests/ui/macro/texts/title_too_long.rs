use mcp_secure::prelude::*;

/// Looks up an order.
#[tool(
    risk = "low",
    permission = "order.read",
    read_only,
    title = "A title is one line for people who choose among tools, and this one goes on until there is no room left for the name of another tool"
)]
async fn show_order() {}

fn main() {}
