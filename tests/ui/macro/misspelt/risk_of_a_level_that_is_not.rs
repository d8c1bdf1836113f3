use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "severe", permission = "refund.request", approval)]
async fn request_refund() {}

fn main() {}
