use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", rate_limit = "10/min")]
async fn request_refund() {}

fn main() {}
