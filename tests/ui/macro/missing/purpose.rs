use mcp_secure::prelude::*;

#[tool(risk = "low", permission = "account.read", read_only)]
async fn summarise_account() {}

fn main() {}
