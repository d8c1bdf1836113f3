use mcp_secure::prelude::*;

/// Says whether the service is up.
#[tool(risk = "low", public, read_only, approval)]
async fn show_status() {}

fn main() {}
