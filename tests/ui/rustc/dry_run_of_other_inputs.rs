use mcp_secure::prelude::*;

#[dry_run]
async fn preview_refund(_cents: u32) {}

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", dry_run = preview_refund)]
async fn request_refund(number: u64, cents: u32) {
    let _ = (number, cents);
}

fn main() {
    let _: ToolSet<()> = tools![request_refund];
}
