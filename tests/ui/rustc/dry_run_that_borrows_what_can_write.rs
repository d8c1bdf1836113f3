use mcp_secure::prelude::*;

struct RefundService;

#[derive(State)]
struct App {
    #[state(write)]
    refunds: RefundService,
}

#[dry_run]
async fn preview_refund(_refunds: &RefundService) {}

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", dry_run = preview_refund)]
async fn request_refund(_refunds: &RefundService) {}

fn main() {
    let _: ToolSet<App> = tools![request_refund];
}
