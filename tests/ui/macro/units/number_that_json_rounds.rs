use mcp_secure::prelude::*;

/// Shows a ledger entry.
#[tool(risk = "low", permission = "ledger.read", read_only)]
async fn show_entry(#[arg(max = 9_007_199_254_740_993)] number: u64) {
    let _ = number;
}

fn main() {}
