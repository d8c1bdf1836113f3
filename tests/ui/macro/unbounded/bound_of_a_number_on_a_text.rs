use mcp_secure::prelude::*;

/// Finds customers by name.
#[tool(risk = "low", permission = "customer.read", read_only)]
async fn find_customers(#[arg(max = 40)] name: String) {
    let _ = name;
}

fn main() {}
