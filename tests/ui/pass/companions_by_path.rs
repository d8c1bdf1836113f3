//! A preview, a predicate and a rollback may live elsewhere and serve several tools.

use mcp_secure::prelude::*;

mod companions {
    use mcp_secure::prelude::*;

    #[dry_run]
    pub(super) async fn preview(_caller: &Principal, cents: u32) -> Content {
        Content::text(format!("would pay {cents}"))
    }

    #[when]
    pub(super) async fn is_large(cents: u32) -> bool {
        cents > 5_000
    }

    #[rollback]
    pub(super) async fn undo(_nothing: ()) {}
}

/// Pays a refund.
#[tool(
    risk = "high",
    permission = "refund.pay",
    dry_run = companions::preview,
    approval(when = self::companions::is_large),
    rollback(companions::undo)
)]
async fn pay_refund(cents: u32) {
    let _ = cents;
}

/// Pays a bonus.
#[tool(risk = "high", permission = "bonus.pay", dry_run = companions::preview)]
async fn pay_bonus(cents: u32) -> Content {
    Content::text(format!("paid {cents}"))
}

pub(super) fn main() {
    let _: ToolSet<()> = tools![pay_refund, pay_bonus];
}
