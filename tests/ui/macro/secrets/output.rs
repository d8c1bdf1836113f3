use mcp_secure::prelude::*;

/// Rotates the key of the payment service.
#[tool(risk = "high", permission = "key.rotate", approval)]
async fn rotate_key() -> Secret<String> {
    Secret::new("sk_live_1".to_owned())
}

fn main() {}
