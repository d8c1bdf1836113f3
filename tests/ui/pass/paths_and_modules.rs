//! Tools are registered by path, and one import brings both the function and its declaration.

use mcp_secure::prelude::*;

mod tickets {
    pub(super) mod drafts {
        use mcp_secure::prelude::*;

        /// Stores a draft.
        #[tool(risk = "low", permission = "draft.create", destructive = false)]
        pub(in super::super) async fn create() {}
    }

    pub(super) use drafts::create as create_draft;
}

/// Shows a ticket.
#[tool(risk = "low", permission = "ticket.read", read_only)]
async fn show_ticket() {}

pub(super) fn main() {
    use tickets::drafts::create;

    let all: ToolSet<()> = tools![show_ticket, self::tickets::drafts::create,];
    let few: ToolSet<()> = tools![create].and(tools![tickets::create_draft]);
    // The function is a function still.
    drop((create(), show_ticket(), all, few));
}
