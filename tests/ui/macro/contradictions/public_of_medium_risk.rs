use mcp_secure::prelude::*;

/// Says whether the service is up.
#[tool(risk = "medium", public, read_only)]
async fn show_status() {}

fn main() {}
