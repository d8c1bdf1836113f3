use mcp_secure::prelude::*;

const RISK: &str = "high";

/// Asks for a refund of an order.
#[tool(risk = RISK, permission = "refund.request", approval)]
async fn request_refund() {}

fn main() {}
