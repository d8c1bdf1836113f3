use mcp_secure::prelude::*;

/// Lists the open tickets.
#[tool(risk = "low", permission = "ticket.read", read_only)]
async fn list_tickets(#[arg(min = 20, max = 1)] limit: u32) {
    let _ = limit;
}

fn main() {}
