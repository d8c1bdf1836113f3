use mcp_secure::prelude::*;

trait Refunds {
    /// Asks for a refund of an order.
    #[tool(risk = "high", permission = "refund.request", approval)]
    async fn request_refund(number: u32);
}

fn main() {}
