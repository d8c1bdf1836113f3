use mcp_secure::prelude::*;

const PERMISSION: &str = "refund.request";

/// Asks for a refund of an order.
#[tool(risk = "high", permission = PERMISSION, approval)]
async fn request_refund() {}

fn main() {}
