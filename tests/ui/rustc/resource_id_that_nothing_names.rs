use mcp_secure::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema, ResourceId)]
struct OrderId(String);

/// Shows an order.
#[tool(risk = "low", permission = "order.read", read_only)]
async fn show_order(_order_id: OrderId) {}

fn main() {
    let _: ToolSet<()> = tools![show_order];
}
