use mcp_secure::prelude::*;

struct RefundReason;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refund(_reason: RefundReason) {}

fn main() {
    let _: ToolSet<()> = tools![request_refund];
}
