use mcp_secure::prelude::*;

struct Order;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Number(u64);

/// Shows an order.
#[tool(risk = "low", permission = "order.read", read_only, resource = Order(number))]
async fn show_order(number: Number) {
    let _ = number.0;
}

fn main() {}
