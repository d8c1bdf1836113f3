use mcp_secure::prelude::*;

/// Tells a customer that a ticket was closed.
#[tool(risk = "medium", permission = "ticket.notify", destructive = false)]
async fn notify_customer(callback_url: Option<String>) {
    let _ = callback_url;
}

fn main() {}
