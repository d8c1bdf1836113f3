use mcp_secure::prelude::*;

struct RefundService;

#[derive(State)]
struct App {
    #[state(write)]
    refunds: RefundService,
}

/// Lists the refunds of today.
#[tool(risk = "low", permission = "refund.read", read_only)]
async fn list_refunds(_refunds: &RefundService) {}

fn main() {
    let _: ToolSet<App> = tools![list_refunds];
}
