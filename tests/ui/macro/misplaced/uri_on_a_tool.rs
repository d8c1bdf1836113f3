use mcp_secure::prelude::*;

/// Shows an article.
#[tool(risk = "low", permission = "kb.read", read_only, uri = "kb://articles")]
async fn show_article() {}

fn main() {}
