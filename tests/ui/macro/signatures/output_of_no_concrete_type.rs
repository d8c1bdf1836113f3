use mcp_secure::prelude::*;

/// Counts the open tickets.
#[tool(risk = "low", permission = "ticket.read", read_only)]
async fn count_tickets() -> impl ToolOutput {}

fn main() {}
