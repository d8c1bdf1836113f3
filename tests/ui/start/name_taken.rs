//! Two tools that a client could not tell apart.

use mcp_secure::prelude::*;

/// Shows an order.
#[tool(risk = "low", permission = "order.read", read_only)]
async fn show() {}

/// Shows a customer.
#[tool(name = "show", risk = "low", permission = "customer.read", read_only)]
async fn show_customer() {}

pub(super) fn tools() -> ToolSet<()> {
    tools![show, show_customer]
}
