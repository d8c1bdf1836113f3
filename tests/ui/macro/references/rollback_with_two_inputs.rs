use mcp_secure::prelude::*;

#[rollback]
async fn cancel_refund(receipt: u64, reason: u32) {
    let _ = (receipt, reason);
}

fn main() {}
