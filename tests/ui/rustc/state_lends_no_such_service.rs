use mcp_secure::prelude::*;

struct RefundService;

#[derive(State)]
struct App {}

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refund(_refunds: &RefundService) {}

fn main() {
    let _: ToolSet<App> = tools![request_refund];
}
