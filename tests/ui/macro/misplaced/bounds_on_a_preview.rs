use mcp_secure::prelude::*;

#[dry_run]
async fn preview_refund(#[arg(max = 500)] amount_cents: u32) {
    let _ = amount_cents;
}

fn main() {}
