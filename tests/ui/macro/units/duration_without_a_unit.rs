use mcp_secure::prelude::*;

/// Lists the open tickets.
#[tool(risk = "low", permission = "ticket.read", read_only, timeout = "10")]
async fn list_tickets() {}

fn main() {}
