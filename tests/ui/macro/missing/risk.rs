use mcp_secure::prelude::*;

/// Summarises the health of an account.
#[tool(permission = "account.read", read_only)]
async fn summarise_account() {}

fn main() {}
