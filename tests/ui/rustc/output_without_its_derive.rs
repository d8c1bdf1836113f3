use mcp_secure::prelude::*;

struct Summary {
    open_tickets: u32,
}

/// Summarises the health of an account.
#[tool(risk = "low", permission = "account.read", read_only)]
async fn summarise_account() -> Summary {
    Summary { open_tickets: 0 }
}

fn main() {
    let _: ToolSet<()> = tools![summarise_account];
}
