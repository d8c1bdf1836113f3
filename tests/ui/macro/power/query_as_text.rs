use mcp_secure::prelude::*;

/// Shows a report.
#[tool(risk = "low", permission = "report.read", read_only)]
async fn show_report(sql: String) {
    let _ = sql;
}

fn main() {}
