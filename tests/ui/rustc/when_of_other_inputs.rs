use mcp_secure::prelude::*;

#[when]
async fn is_large(cents: u32) -> bool {
    cents > 5_000
}

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval(when = is_large))]
async fn request_refund(number: u64, cents: u32) {
    let _ = (number, cents);
}

fn main() {
    let _: ToolSet<()> = tools![request_refund];
}
