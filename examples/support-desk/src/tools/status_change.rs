use mcp_secure::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Customer, CustomerId};
use crate::desk::{CustomerDesk, CustomerStatus, DeskError};

/// A change of status that was made.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
pub struct StatusChanged {
    change_id: String,
    customer_id: CustomerId,
    from: CustomerStatus,
    to: CustomerStatus,
}

/// Asks for a change of a customer's status. A support lead decides before it is made.
#[tool(
    risk = "medium",
    permission = "customer.status.request",
    resource = Customer(customer_id),
    approval(by = "customer.status.approve")
)]
pub async fn request_customer_status_change(
    caller: &Principal,
    customers: &CustomerDesk,
    /// The customer.
    customer_id: CustomerId,
    /// The status the customer should have.
    proposed_status: CustomerStatus,
    /// Why, in words for the person who decides.
    #[arg(min_len = 1, max_len = 500)]
    reason: String,
) -> Result<StatusChanged, DeskError> {
    let change =
        customers.change_status(&customer_id.0, proposed_status, &reason, &caller.subject).await?;
    Ok(StatusChanged { change_id: change.id, customer_id, from: change.from, to: change.to })
}
