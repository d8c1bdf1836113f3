use mcp_secure::prelude::*;

#[dry_run]
async fn preview_refund(_for_show: bool) {}

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", dry_run = preview_refund)]
async fn request_refund(dry_run: bool) {
    let _ = dry_run;
}

fn main() {}
