use mcp_secure::prelude::*;

async fn preview_refund(_cents: u32) {}

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", dry_run = preview_refund)]
async fn request_refund(cents: u32) {
    let _ = cents;
}

fn main() {
    let _: ToolSet<()> = tools![request_refund];
}
