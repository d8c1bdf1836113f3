use mcp_secure::prelude::*;

/// Stores a draft.
#[tool(risk = "medium", permission = "draft.create", idempotency, idempotent = false)]
async fn store_draft() {}

fn main() {}
