use mcp_secure::prelude::*;

struct Refunds;

impl Refunds {
    /// Asks for a refund of an order.
    #[tool(risk = "high", permission = "refund.request", approval)]
    async fn request_refund(&self) {}
}

fn main() {}
