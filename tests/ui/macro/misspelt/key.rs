use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "high", permision = "refund.request", approval)]
async fn request_refund() {}

fn main() {}
