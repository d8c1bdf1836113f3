use mcp_secure::prelude::*;

async fn request_refund() {}

fn main() {
    let _: ToolSet<()> = tools![request_refund];
}
