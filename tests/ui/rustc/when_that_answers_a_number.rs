use mcp_secure::prelude::*;

#[when]
async fn how_large(cents: u32) -> u32 {
    cents
}

fn main() {}
