use mcp_secure::prelude::*;

struct RefundService;

#[derive(State)]
struct App {
    #[state(skip, write)]
    refunds: RefundService,
}

fn main() {}
