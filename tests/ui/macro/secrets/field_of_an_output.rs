use mcp_secure::prelude::*;

#[derive(serde::Serialize, schemars::JsonSchema, ToolOutput)]
struct Account {
    id: String,
    #[serde(skip)]
    api_key: Option<Secret<String>>,
}

fn main() {}
