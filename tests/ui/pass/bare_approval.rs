//! The shortest declaration of a dangerous tool, on a plain function. It stays as it is for ever.

use mcp_secure::prelude::*;

/// Request a refund for an order.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refund(order_number: u64, amount_cents: u32) -> Result<(), ToolError> {
    let _ = (order_number, amount_cents);
    Ok(())
}

pub(super) fn main() {
    let _: ToolSet<()> = tools![request_refund];
}
