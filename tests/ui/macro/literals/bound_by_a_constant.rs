use mcp_secure::prelude::*;

const MOST: u32 = 20;

/// Lists the open tickets.
#[tool(risk = "low", permission = "ticket.read", read_only)]
async fn list_tickets(#[arg(max = MOST)] limit: u32) {
    let _ = limit;
}

fn main() {}
