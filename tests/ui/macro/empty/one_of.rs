use mcp_secure::prelude::*;

/// Lists tickets by their status.
#[tool(risk = "low", permission = "ticket.read", read_only)]
async fn list_tickets(#[arg(one_of = [])] status: String) {
    let _ = status;
}

fn main() {}
