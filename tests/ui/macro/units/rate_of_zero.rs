use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", rate_limit = "0/min per user")]
async fn request_refund() {}

fn main() {}
