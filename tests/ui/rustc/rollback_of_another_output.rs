use mcp_secure::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, ToolOutput)]
struct Receipt {
    refund_id: String,
}

#[rollback]
async fn cancel_refund(_refund_id: String) {}

/// Asks for a refund of an order.
#[tool(risk = "high", permission = "refund.request", rollback(cancel_refund))]
async fn request_refund(number: u64) -> Receipt {
    Receipt { refund_id: number.to_string() }
}

fn main() {
    let _: ToolSet<()> = tools![request_refund];
}
