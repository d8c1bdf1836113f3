use mcp_secure::prelude::*;

/// Closes an account for good.
#[tool(risk = "critical", permission = "account.close", approval, irreversible)]
pub async fn close_account() {}
