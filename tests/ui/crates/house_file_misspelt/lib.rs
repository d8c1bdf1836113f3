use mcp_secure::prelude::*;

/// Lists the open tickets.
#[tool(risk = "low", permission = "ticket.read", read_only)]
pub async fn list_tickets() {}
