use mcp_secure::prelude::*;

struct Refunds;

#[tool(risk = "high", permission = "refund.request", approval)]
impl Refunds {
    async fn request() {}
}

fn main() {}
