//! Names that sound of raw power are fine where the values are few, and so is a query of a tool that searches.

use mcp_secure::prelude::*;
use serde::Deserialize;

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ReportPath {
    Daily,
    Weekly,
}

/// Shows a report.
#[tool(risk = "low", permission = "report.read", read_only)]
async fn show_report(report_path: ReportPath, #[arg(one_of = ["csv", "json"])] script: String) {
    let _ = (report_path, script);
}

/// Searches the knowledge base.
#[tool(risk = "low", permission = "kb.read", read_only)]
async fn search_articles(#[arg(max_len = 80)] query: String) {
    drop(query);
}

/// Runs a query of an analyst.
#[tool(risk = "high", permission = "query.run", approval, broad = "analysts write queries; a lead reads each")]
async fn run_query(sql: String, options: serde_json::Value) {
    drop((sql, options));
}

pub(super) fn main() {
    let _: ToolSet<()> = tools![show_report, search_articles, run_query];
}
