use mcp_secure::prelude::*;

/// Lists the open tickets.
#[tool(risk = "low", permission = "ticket.read", read_only)]
#[tool(risk = "low", permission = "ticket.list", read_only)]
async fn list_tickets() {}

fn main() {}
