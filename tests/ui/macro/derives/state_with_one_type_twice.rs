use mcp_secure::prelude::*;

struct Pool;

#[derive(State)]
struct App {
    orders: Pool,
    refunds: Pool,
}

fn main() {}
