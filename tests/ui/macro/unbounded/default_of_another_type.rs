use mcp_secure::prelude::*;

/// Lists the open tickets.
#[tool(risk = "low", permission = "ticket.read", read_only)]
async fn list_tickets(#[arg(default = "ten")] limit: u32) {
    let _ = limit;
}

fn main() {}
