use mcp_secure::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Customer, CustomerId, cause};
use crate::desk::{CustomerDesk, DeskError};

/// An account that was closed.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
pub struct AccountClosed {
    customer_id: CustomerId,
    status: ClosedStatus,
}

/// What became of the account.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ClosedStatus {
    /// It stays closed.
    Closed,
}

/// Closes a customer's account for good. Two support leads have to agree, and there is no way back.
#[tool(
    risk = "critical",
    permission = "account.close",
    resource = Customer(customer_id),
    approval(by = "account.close.approve", quorum = 2),
    irreversible
)]
pub async fn close_account(
    caller: &Principal,
    call: &CallContext,
    customers: &CustomerDesk,
    /// The customer.
    customer_id: CustomerId,
    /// Why, in words for the people who decide.
    #[arg(min_len = 1, max_len = 500)]
    reason: String,
) -> Result<AccountClosed, DeskError> {
    customers.close(&customer_id.0, &reason, cause(caller, call, "close_account")).await?;
    Ok(AccountClosed { customer_id, status: ClosedStatus::Closed })
}
