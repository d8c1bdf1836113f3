use mcp_secure::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Order, OrderId, cause};
use crate::desk::{AccountBook, DeskError, OrderBook, RefundReason, RefundService};

/// A refund that was paid.
#[derive(Debug, Serialize, Deserialize, JsonSchema, ToolOutput)]
pub struct RefundReceipt {
    refund_id: String,
    order_id: OrderId,
    amount_cents: i64,
    status: RefundStatus,
}

/// What became of the refund.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RefundStatus {
    /// The money is on its way to the customer.
    Refunded,
}

/// Takes a refund back: the money is called back from the customer.
#[rollback]
async fn cancel_refund(
    caller: &Principal,
    call: &CallContext,
    refunds: &RefundService,
    receipt: RefundReceipt,
) -> Result<(), DeskError> {
    refunds.cancel(&receipt.refund_id, cause(caller, call, "request_refund")).await
}

/// Asks for a refund of an order. A support lead decides on it before any money moves.
#[tool(
    risk = "high",
    permission = "refund.request",
    resource = Order(order_id),
    approval(by = "refund.approve"),
    idempotency(key = [order_id]),
    rollback(cancel_refund, permission = "refund.cancel", within = "7d")
)]
pub async fn request_refund(
    caller: &Principal,
    call: &CallContext,
    refunds: &RefundService,
    /// The order.
    order_id: OrderId,
    /// How much to pay back, in cents.
    #[arg(min = 1, max = 500_000)]
    amount_cents: i64,
    /// Why.
    reason: RefundReason,
) -> Result<RefundReceipt, DeskError> {
    let cause = cause(caller, call, "request_refund");
    let refund = refunds.refund(&order_id.0, amount_cents, reason, cause).await?;
    Ok(RefundReceipt {
        refund_id: refund.id,
        order_id,
        amount_cents: refund.amount_cents,
        status: RefundStatus::Refunded,
    })
}

/// Gives what there is to know about an order before a refund is asked for.
#[prompt(permission = "refund.request", resource = Order(order_id))]
pub async fn refund_review(
    orders: &OrderBook,
    accounts: &AccountBook,
    /// The order to review.
    order_id: OrderId,
) -> Result<Content, DeskError> {
    let order = orders.find(&order_id.0).await?.ok_or(DeskError::Missing("order"))?;
    let account = accounts.find(&order.customer_id).await?.ok_or(DeskError::Missing("customer"))?;
    Ok(Content::text(format!(
        "Review whether order {} should be refunded, and how much of it.\n\
         Charged: {} cents. Already refunded: {} cents. Status: {}. Customer: {} ({}, {} open tickets).\n\
         Read kb://articles/refund-policy first. Then ask for the refund with `request_refund`; a person decides.",
        order.id,
        order.amount_cents,
        order.refunded_cents,
        order.status,
        order.customer_id,
        account.status.as_str(),
        account.open_tickets,
    )))
}
