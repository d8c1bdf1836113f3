//! The macros work by their full paths, with nothing imported.

/// Shows a ticket.
#[mcp_secure::prelude::tool(risk = "low", permission = "ticket.read", read_only)]
async fn show_ticket(number: u32) -> mcp_secure::tool::Content {
    mcp_secure::tool::Content::text(format!("ticket {number}"))
}

pub(super) fn main() {
    let _: mcp_secure::tool::ToolSet<()> = mcp_secure::tools![show_ticket];
}
