use mcp_secure::prelude::*;

const OPEN: &str = "open";

/// Lists tickets by their status.
#[tool(risk = "low", permission = "ticket.read", read_only)]
async fn list_tickets(#[arg(one_of = [OPEN, "closed"])] status: String) {
    let _ = status;
}

fn main() {}
