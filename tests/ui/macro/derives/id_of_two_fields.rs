use mcp_secure::prelude::*;

#[derive(ResourceId)]
struct OrderId {
    shop: String,
    number: u64,
}

fn main() {}
