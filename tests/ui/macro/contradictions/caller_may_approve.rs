use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval(by = "refund.request"))]
async fn request_refund() {}

fn main() {}
