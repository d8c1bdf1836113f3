use mcp_secure::prelude::*;

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", approval)]
async fn request_refund() -> Result<(), String> {
    Ok(())
}

fn main() {
    let _: ToolSet<()> = tools![request_refund];
}
