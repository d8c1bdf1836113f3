use mcp_secure::prelude::*;

#[tool]
async fn close_account() {}

fn main() {}
