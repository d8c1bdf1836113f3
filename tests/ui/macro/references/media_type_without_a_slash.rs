use mcp_secure::prelude::*;

/// The rules of the desk.
#[resource(uri = "kb://rules", mime_type = "markdown", permission = "kb.read")]
async fn rules() -> Content {
    Content::text("Be kind.")
}

fn main() {}
