use mcp_secure::prelude::*;

/// Shows an attachment of a ticket.
#[tool(risk = "low", permission = "ticket.read", read_only)]
async fn show_attachment(attachment_path: std::path::PathBuf) {
    let _ = attachment_path;
}

fn main() {}
