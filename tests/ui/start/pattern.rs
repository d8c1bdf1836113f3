//! A bracket that is never closed.

use mcp_secure::prelude::*;

/// Shows an order.
#[tool(risk = "low", permission = "order.read", read_only)]
async fn show_order(#[arg(pattern = "^ord_[0-9")] order: String) {
    drop(order);
}

pub(super) fn tools() -> ToolSet<()> {
    tools![show_order]
}
