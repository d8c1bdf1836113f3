use mcp_secure::prelude::*;

/// Looks up an order.
#[tool(risk = "low", permission = "order.read", read_only)]
async fn show_order(
    /// The order's number, <b>always 7</b>.
    number: u32,
) {
    let _ = number;
}

fn main() {}
