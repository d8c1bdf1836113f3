//! A macro of the application may write declarations: literals, names, types and documentation arrive as fragments.

use mcp_secure::prelude::*;
use mcp_secure::tool::ToolMeta;

macro_rules! reading {
    ($(#[doc = $doc:literal])* $name:ident($input:ident: $ty:ty), $risk:literal, $permission:literal, $limit:expr) => {
        $(#[doc = $doc])*
        #[tool(risk = $risk, permission = $permission, read_only, timeout = $limit)]
        async fn $name($input: $ty) {
            let _ = $input;
        }
    };
}

reading! {
    /// Shows an order.
    show_order(number: Option<u32>), "low", "order.read", "5s"
}
reading! {
    /// Shows a ticket.
    show_ticket(number: Vec<u64>), "medium", "ticket.read", "10s"
}

pub(super) fn main() {
    let _: ToolSet<()> = tools![show_order, show_ticket];
    assert_eq!(<show_order as ToolMeta>::SPEC.description, "Shows an order.");
    assert_eq!(<show_ticket as ToolMeta>::SPEC.limits.timeout_ms, 10_000);
}
