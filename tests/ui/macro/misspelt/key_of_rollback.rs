use mcp_secure::prelude::*;

#[rollback]
async fn cancel_refund(_receipt: ()) {}

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", rollback(cancel_refund, witin = "7d"))]
async fn request_refund() {}

fn main() {}
