use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", dry_run = "preview_refund")]
async fn request_refund() {}

fn main() {}
