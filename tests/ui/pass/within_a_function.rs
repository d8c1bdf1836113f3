//! A declaration may stand inside a function, as in tests.

use mcp_secure::prelude::*;

pub(super) fn main() {
    #[derive(serde::Serialize, schemars::JsonSchema, ToolOutput)]
    #[serde(tag = "kind")]
    enum Found {
        Ticket { number: u32 },
        Nothing,
    }

    /// Finds a ticket.
    #[tool(risk = "low", permission = "ticket.read", read_only)]
    async fn find_ticket(number: u32) -> Found {
        if number == 0 { Found::Nothing } else { Found::Ticket { number } }
    }

    let _: ToolSet<()> = tools![find_ticket];
}
