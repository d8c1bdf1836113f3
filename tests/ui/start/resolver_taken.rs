//! Whoever may look into doubts could end them.

use mcp_secure::prelude::*;

/// Requests a refund.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refund() {}

/// Looks into a refund.
#[tool(risk = "low", permission = "refund.request.resolve", read_only)]
async fn look_into() {}

pub(super) fn tools() -> ToolSet<()> {
    tools![request_refund, look_into]
}
