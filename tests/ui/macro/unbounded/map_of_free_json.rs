use std::collections::HashMap;

use mcp_secure::prelude::*;

/// Changes a customer.
#[tool(risk = "medium", permission = "customer.change", approval)]
async fn change_customer(fields: HashMap<String, serde_json::Value>) {
    let _ = fields;
}

fn main() {}
