use mcp_secure::prelude::*;

#[derive(State)]
struct App<D> {
    database: D,
}

fn main() {}
