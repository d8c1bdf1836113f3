use mcp_secure::prelude::*;

/// An article of the knowledge base.
#[resource(uri = "kb://articles/{slug}", mime_type = "text/markdown", permission = "kb.read")]
async fn article() -> Content {
    Content::text("Be kind.")
}

fn main() {}
