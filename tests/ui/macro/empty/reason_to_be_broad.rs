use mcp_secure::prelude::*;

/// Runs a report that an analyst wrote.
#[tool(risk = "low", permission = "report.run", read_only, broad = " ")]
async fn run_report(sql: String) {
    let _ = sql;
}

fn main() {}
