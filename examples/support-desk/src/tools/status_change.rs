use mcp_secure::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Customer, CustomerId, cause};
use crate::desk::{AccountBook, CustomerDesk, CustomerStatus, DeskError};

/// A change of status that was made.
#[derive(Debug, Serialize, Deserialize, JsonSchema, ToolOutput)]
pub struct StatusChanged {
    change_id: String,
    customer_id: CustomerId,
    from: CustomerStatus,
    to: CustomerStatus,
}

/// A change of status as it would be made.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
struct StatusPreview {
    customer_id: CustomerId,
    from: CustomerStatus,
    to: CustomerStatus,
}

/// Says what a change of status would change. People who decide are shown this.
#[dry_run]
async fn preview_status_change(
    accounts: &AccountBook,
    customer_id: CustomerId,
    proposed_status: CustomerStatus,
    _reason: String,
) -> Result<StatusPreview, DeskError> {
    let account = accounts.find(&customer_id.0).await?.ok_or(DeskError::Missing("customer"))?;
    account.status.may_become(proposed_status)?;
    Ok(StatusPreview { customer_id, from: account.status, to: proposed_status })
}

/// Puts back the status that the customer had before.
#[rollback]
async fn put_status_back(
    caller: &Principal,
    call: &CallContext,
    customers: &CustomerDesk,
    change: StatusChanged,
) -> Result<(), DeskError> {
    let cause = cause(caller, call, "request_customer_status_change");
    customers.put_back(&change.change_id, cause).await
}

/// Asks for a change of a customer's status. A support lead decides before it is made.
#[tool(
    risk = "medium",
    permission = "customer.status.request",
    resource = Customer(customer_id),
    dry_run = preview_status_change,
    approval(by = "customer.status.approve"),
    rollback(put_status_back, within = "7d")
)]
pub async fn request_customer_status_change(
    caller: &Principal,
    call: &CallContext,
    customers: &CustomerDesk,
    /// The customer.
    customer_id: CustomerId,
    /// The status the customer should have.
    proposed_status: CustomerStatus,
    /// Why, in words for the person who decides.
    #[arg(min_len = 1, max_len = 500)]
    reason: String,
) -> Result<StatusChanged, DeskError> {
    let cause = cause(caller, call, "request_customer_status_change");
    let change = customers.change_status(&customer_id.0, proposed_status, &reason, cause).await?;
    Ok(StatusChanged { change_id: change.id, customer_id, from: change.from, to: change.to })
}
