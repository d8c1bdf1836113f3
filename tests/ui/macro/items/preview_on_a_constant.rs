use mcp_secure::prelude::*;

#[dry_run]
const PREVIEW: &str = "nothing happens";

fn main() {}
