use mcp_secure::prelude::*;

/// Closes an account.
#[tool(risk = "critical", permission = "account.close", approval)]
async fn close_account() {}

fn main() {}
