use mcp_secure::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Customer, CustomerId, cause};
use crate::desk::{DeskError, Notifier};

/// A notification that was sent.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
pub struct NotificationSent {
    notification_id: String,
}

/// Tells the account manager of a customer what they should know.
#[tool(
    risk = "medium",
    permission = "account.notify",
    resource = Customer(customer_id),
    destructive = false,
    rate_limit = "3/min per user"
)]
pub async fn notify_account_manager(
    caller: &Principal,
    call: &CallContext,
    notifier: &Notifier,
    /// The customer it is about.
    customer_id: CustomerId,
    /// What happened, in a few sentences.
    #[arg(min_len = 1, max_len = 500)]
    summary: String,
) -> Result<NotificationSent, DeskError> {
    let notification_id = notifier
        .tell_account_manager(
            &customer_id.0,
            &summary,
            cause(caller, call, "notify_account_manager"),
        )
        .await?;
    Ok(NotificationSent { notification_id })
}
