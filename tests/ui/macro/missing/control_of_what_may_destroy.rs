use mcp_secure::prelude::*;

/// Deletes the drafts of a ticket. What is not `read_only` may destroy unless it says otherwise.
#[tool(risk = "medium", permission = "draft.delete")]
async fn delete_drafts() {}

fn main() {}
