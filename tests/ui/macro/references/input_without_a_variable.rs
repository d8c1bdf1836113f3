use mcp_secure::prelude::*;

/// An article of the knowledge base.
#[resource(uri = "kb://articles", mime_type = "text/markdown", permission = "kb.read")]
async fn article(number: u32) -> Content {
    Content::text(format!("article {number}"))
}

fn main() {}
