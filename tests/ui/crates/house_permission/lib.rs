use mcp_secure::prelude::*;

/// Lists the open tickets.
#[tool(risk = "low", permission = "tickets.read", read_only)]
pub async fn list_tickets() {}
