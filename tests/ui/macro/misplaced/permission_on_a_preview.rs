use mcp_secure::prelude::*;

#[dry_run(permission = "refund.request")]
async fn preview_refund() {}

fn main() {}
