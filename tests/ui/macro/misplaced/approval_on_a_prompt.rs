use mcp_secure::prelude::*;

/// Reviews a refund.
#[prompt(permission = "refund.request", approval)]
async fn review_refund() -> Content {
    Content::text("Read the policy first.")
}

fn main() {}
