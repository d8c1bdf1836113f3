use mcp_secure::prelude::*;

/// Summarises the health of an account.
#[tool(risk = "low", read_only)]
async fn summarise_account() {}

fn main() {}
