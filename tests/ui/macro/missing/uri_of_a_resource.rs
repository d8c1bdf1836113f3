use mcp_secure::prelude::*;

/// An article of the knowledge base.
#[resource(mime_type = "text/markdown", permission = "kb.read")]
async fn article() -> Content {
    Content::text("Be kind.")
}

fn main() {}
