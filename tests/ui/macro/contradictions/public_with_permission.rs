use mcp_secure::prelude::*;

/// Says whether the service is up.
#[tool(risk = "low", public, permission = "status.read", read_only)]
async fn show_status() {}

fn main() {}
