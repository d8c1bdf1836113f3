//! A pattern that stands deep within a type, beside a default that is no schema.

use mcp_secure::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Line {
    #[schemars(regex(pattern = "(sku"), extend("examples" = [{"pattern": "(not a pattern"}]))]
    sku: String,
}

/// Orders.
#[tool(risk = "low", permission = "order.read", read_only)]
async fn order(lines: Vec<Line>) {
    drop(lines.into_iter().map(|line| line.sku));
}

pub(super) fn tools() -> ToolSet<()> {
    tools![order]
}
