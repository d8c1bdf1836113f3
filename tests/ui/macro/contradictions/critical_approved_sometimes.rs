use mcp_secure::prelude::*;

#[when]
async fn is_large() -> bool {
    true
}

/// Closes an account for good.
#[tool(risk = "critical", permission = "account.close", approval(when = is_large), irreversible)]
async fn close_account() {}

fn main() {}
