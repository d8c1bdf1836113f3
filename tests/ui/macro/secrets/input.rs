use mcp_secure::prelude::*;

/// Charges a customer.
#[tool(risk = "high", permission = "payment.charge", approval)]
async fn charge_customer(api_key: Secret<String>) {
    let _ = api_key;
}

fn main() {}
