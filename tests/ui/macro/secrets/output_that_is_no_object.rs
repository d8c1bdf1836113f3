use mcp_secure::prelude::*;

#[derive(serde::Serialize, schemars::JsonSchema, ToolOutput)]
struct Total(u64);

fn main() {}
