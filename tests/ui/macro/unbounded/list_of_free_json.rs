use mcp_secure::prelude::*;

/// Changes some customers.
#[tool(risk = "medium", permission = "customer.change", approval)]
async fn change_customers(changes: Option<Vec<serde_json::Value>>) {
    let _ = changes;
}

fn main() {}
