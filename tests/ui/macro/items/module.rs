use mcp_secure::prelude::*;

#[tool(risk = "high", permission = "refund.request", approval)]
mod refunds {}

fn main() {}
