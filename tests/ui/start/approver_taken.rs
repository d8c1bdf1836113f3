//! Whoever may cancel refunds could decide on requests for them.

use mcp_secure::prelude::*;

/// Requests a refund.
#[tool(risk = "high", permission = "refund.request", approval(by = "refund.cancel"))]
async fn request_refund() {}

/// Cancels a refund.
#[tool(risk = "medium", permission = "refund.cancel", destructive = false)]
async fn cancel_refund() {}

pub(super) fn tools() -> ToolSet<()> {
    tools![request_refund, cancel_refund]
}
