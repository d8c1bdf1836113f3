//! An id may be optional, or there may be several: each is loaded and checked.

use mcp_secure::prelude::*;
use serde::Deserialize;

#[derive(Deserialize, schemars::JsonSchema, ResourceId)]
struct OrderId(u64);

struct Orders;
struct Order;

impl<S: State> Resource<S> for Order
where
    Orders: LentRead<S>,
{
    type Id = OrderId;
    const TYPE: &'static str = "Order";

    async fn load(from: &Reader<S>, _: &OrderId) -> Result<Option<Self>, ToolError> {
        let _: &Orders = from.lend();
        Ok(None)
    }

    fn tenant(&self) -> &str {
        "acme"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new()
    }
}

#[derive(State)]
struct App {
    orders: Orders,
}

/// Shows an order, or the newest.
#[tool(risk = "low", permission = "order.read", read_only, resource = Order(order_id))]
async fn show_order(order_id: Option<OrderId>) {
    let _ = order_id;
}

/// Cancels orders.
#[tool(risk = "high", permission = "order.cancel", resource = Order(orders))]
async fn cancel_orders(book: &Orders, orders: Vec<OrderId>) {
    let _ = (book, orders);
}

/// Counts orders.
#[tool(risk = "low", permission = "order.read", read_only, broad = "the count tells nothing of an order")]
async fn count_orders(orders: Vec<OrderId>) {
    drop(orders);
}

pub(super) fn main() {
    let _: ToolSet<App> = tools![show_order, cancel_orders, count_orders];
}
