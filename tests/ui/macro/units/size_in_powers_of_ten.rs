use mcp_secure::prelude::*;

/// Lists the open tickets.
#[tool(risk = "low", permission = "ticket.read", read_only, max_output = "64KB")]
async fn list_tickets() {}

fn main() {}
