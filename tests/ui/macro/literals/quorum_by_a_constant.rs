use mcp_secure::prelude::*;

const TWO: u32 = 2;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval(quorum = TWO))]
async fn request_refund() {}

fn main() {}
