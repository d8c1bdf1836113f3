use mcp_secure::prelude::*;

/// Opens a ticket.
#[tool(risk = "low", public, destructive = false)]
async fn open_ticket() {}

fn main() {}
