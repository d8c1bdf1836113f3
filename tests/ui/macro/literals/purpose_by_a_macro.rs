use mcp_secure::prelude::*;

#[doc = concat!("Lists the ", "open tickets.")]
#[tool(risk = "low", permission = "ticket.read", read_only)]
async fn list_tickets() {}

fn main() {}
