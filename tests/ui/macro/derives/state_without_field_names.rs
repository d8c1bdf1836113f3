use mcp_secure::prelude::*;

struct RefundService;

#[derive(State)]
struct App(RefundService);

fn main() {}
