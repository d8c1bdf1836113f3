use mcp_secure::prelude::*;

struct RefundService;

#[derive(State)]
struct App {
    #[state(wirte)]
    refunds: RefundService,
}

fn main() {}
