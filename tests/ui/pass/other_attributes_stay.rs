//! Attributes of others stay on the function, whatever the order.

use mcp_secure::prelude::*;

/// Shows a ticket.
#[must_use]
#[tool(risk = "low", permission = "ticket.read", read_only)]
#[inline]
#[allow(clippy::unused_async)]
#[doc(alias = "ticket")]
async fn show_ticket(#[allow(unused_variables)] number: u32) -> Content {
    Content::text("none")
}

pub(super) fn main() {
    let _: ToolSet<()> = tools![show_ticket];
    drop(show_ticket(1));
}
