//! What agents get of the desk: every function with its policy, and the things a permission is checked on.

mod accounts;
mod articles;
mod closing;
mod ids;
mod notify;
mod refunds;
mod resources;
mod status_change;
#[cfg(test)]
mod tests;
mod tickets;

pub use accounts::{get_account_health_summary, search_customers};
pub use articles::kb_article;
pub use closing::close_account;
pub use ids::{CustomerId, OrderId};
pub use notify::notify_account_manager;
pub use refunds::{refund_review, request_refund};
pub use resources::{Customer, Order};
pub use status_change::request_customer_status_change;
pub use tickets::create_support_ticket_draft;

use mcp_secure::prelude::{CallContext, Principal, ToolError};

use crate::desk::{Cause, DeskError};

/// What an effect of this call is noted with.
fn cause(caller: &Principal, call: &CallContext, tool: &'static str) -> Cause {
    Cause { by: caller.subject.clone(), tool, request_id: call.request_id().to_owned() }
}

impl From<DeskError> for ToolError {
    fn from(error: DeskError) -> Self {
        match error {
            // Nobody can say here whether a failed commit reached the disk, so nothing is vouched for.
            DeskError::Database(_) | DeskError::Lost => Self::internal(error),
            // The desk's rules are checked before it changes anything.
            rule => Self::public(rule.to_string()).no_effect(),
        }
    }
}
