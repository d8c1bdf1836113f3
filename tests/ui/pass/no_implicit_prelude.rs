//! Generated code needs nothing of the standard prelude.
#![no_implicit_prelude]

use ::mcp_secure::prelude::{ResourceId, State, ToolSet, dry_run, tool, tools, when};
use self::shown::Shown;

mod shown {
    // The derive of schemars does need names in scope.
    use ::mcp_secure::prelude::ToolOutput;
    use ::std::convert::Into;
    use ::schemars;

    #[derive(::serde::Serialize, ::schemars::JsonSchema, ToolOutput)]
    pub(super) struct Shown {
        pub(super) number: u64,
    }
}

struct Orders;

#[derive(State)]
struct App {
    orders: Orders,
}

#[derive(ResourceId)]
struct OrderId(u64);

#[when]
async fn is_large(number: u64) -> bool {
    OrderId(number).0 > 5
}

#[dry_run]
async fn preview(_orders: &Orders, number: u64) -> Shown {
    Shown { number }
}

/// Changes an order.
#[tool(risk = "high", permission = "order.change", dry_run = preview, approval(when = is_large))]
async fn change_order(_orders: &Orders, #[arg(one_of = [1, 2])] number: u64) -> Shown {
    Shown { number }
}

pub(super) fn main() {
    let _: ToolSet<App> = tools![change_order];
}
