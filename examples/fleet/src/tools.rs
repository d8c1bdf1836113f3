//! What agents get of it, each function with its policy.

use mcp_secure::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::database::{DatabaseError, OrderBook, OrderRow, Till};

impl From<DatabaseError> for ToolError {
    /// Nobody can say here whether the change reached the disk, so nothing is vouched for.
    fn from(error: DatabaseError) -> Self {
        Self::internal(error)
    }
}

/// An order's id: `ord_` and digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ResourceId)]
#[serde(transparent)]
pub struct OrderId(#[schemars(regex(pattern = r"^ord_[0-9]{1,9}$"))] pub String);

/// An order, as policies see it.
#[derive(Debug)]
pub struct Order(OrderRow);

impl<S: State> Resource<S> for Order
where
    OrderBook: LentRead<S>,
{
    type Id = OrderId;
    const TYPE: &'static str = "Order";
    const ATTRIBUTES: &'static [(&'static str, &'static str)] = &[("amount_cents", "Long")];

    async fn load(from: &Reader<S>, id: &OrderId) -> Result<Option<Self>, ToolError> {
        Ok(from.lend::<OrderBook>().find(&id.0).await?.map(Self))
    }

    fn tenant(&self) -> &str {
        &self.0.tenant
    }

    fn attributes(&self) -> Attributes {
        [("amount_cents".to_owned(), self.0.amount_cents.into())].into_iter().collect()
    }
}

/// An order.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
pub struct OrderView {
    order_id: OrderId,
    amount_cents: i64,
}

/// Gives an order and what it costs.
#[tool(risk = "low", permission = "order.read", resource = Order(order_id), read_only)]
pub async fn get_order(
    orders: &OrderBook,
    /// The order.
    order_id: OrderId,
) -> Result<OrderView, ToolError> {
    let order = orders.find(&order_id.0).await?;
    let order = order.ok_or_else(|| ToolError::public("there is no such order").no_effect())?;
    Ok(OrderView { order_id, amount_cents: order.amount_cents })
}

/// What was done with an order's money.
#[derive(Debug, Serialize, Deserialize, JsonSchema, ToolOutput)]
pub struct Receipt {
    order_id: OrderId,
    amount_cents: i64,
}

/// Takes the payment of an order, once.
#[tool(
    risk = "medium",
    permission = "payment.capture",
    resource = Order(order_id),
    idempotency(key = [order_id])
)]
pub async fn capture_payment(
    context: &CallContext,
    orders: &OrderBook,
    till: &Till,
    /// The order.
    order_id: OrderId,
) -> Result<Receipt, ToolError> {
    let order = orders.find(&order_id.0).await?;
    let order = order.ok_or_else(|| ToolError::public("there is no such order").no_effect())?;
    let amount_cents = order.amount_cents;
    till.happen("payment.captured", &order_id.0, amount_cents, context.request_id()).await?;
    Ok(Receipt { order_id, amount_cents })
}

/// Asks for a refund of an order. A support lead decides before any money moves.
#[tool(
    risk = "high",
    permission = "refund.request",
    resource = Order(order_id),
    approval(by = "refund.approve"),
    idempotency(key = [order_id]),
    rollback(cancel_refund, permission = "refund.cancel", within = "7d")
)]
pub async fn refund_order(
    context: &CallContext,
    till: &Till,
    /// The order.
    order_id: OrderId,
    /// How much to pay back, in cents.
    #[arg(min = 1, max = 50_000)]
    amount_cents: i64,
) -> Result<Receipt, ToolError> {
    till.happen("refund.paid", &order_id.0, amount_cents, context.request_id()).await?;
    Ok(Receipt { order_id, amount_cents })
}

/// Takes a refund back.
#[rollback]
async fn cancel_refund(
    context: &CallContext,
    till: &Till,
    refund: Receipt,
) -> Result<Content, ToolError> {
    let Receipt { order_id, amount_cents } = refund;
    till.happen("refund.cancelled", &order_id.0, amount_cents, context.request_id()).await?;
    Ok(Content::text(format!("the refund of {} is cancelled", order_id.0)))
}

/// Sends the customer a receipt.
#[tool(
    risk = "medium",
    permission = "receipt.send",
    resource = Order(order_id),
    destructive = false,
    rate_limit = "6/hour per user"
)]
pub async fn send_receipt(
    context: &CallContext,
    till: &Till,
    /// The order.
    order_id: OrderId,
) -> Result<Content, ToolError> {
    till.happen("receipt.sent", &order_id.0, 0, context.request_id()).await?;
    Ok(Content::text(format!("a receipt for {} is on its way", order_id.0)))
}
