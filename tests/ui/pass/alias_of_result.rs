//! The return type is judged by the compiler, so an alias of `Result` is a `Result`.

use mcp_secure::prelude::*;

struct DeskError;

impl From<DeskError> for ToolError {
    fn from(_: DeskError) -> Self {
        Self::public("the desk is closed")
    }
}

type Answer<T> = Result<T, DeskError>;

/// Counts the open tickets.
#[tool(risk = "low", permission = "ticket.read", read_only)]
async fn count_tickets(number: u32) -> Answer<Content> {
    if number == 0 { Err(DeskError) } else { Ok(Content::text("none")) }
}

pub(super) fn main() {
    let _: ToolSet<()> = tools![count_tickets];
}
