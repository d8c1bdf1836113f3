use mcp_secure::prelude::*;

struct RequestRefund;

fn main() {
    let _: ToolSet<()> = tools![RequestRefund];
}
