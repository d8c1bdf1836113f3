use mcp_secure::prelude::*;

/// Closes an account for good.
#[tool(risk = "critical", permission = "account.close", irreversible)]
async fn close_account() {}

fn main() {}
