//! What permissions are checked on. Loaded by id before any policy is asked, and never shown to a model as such.

use mcp_secure::prelude::*;
use serde_json::json;

use super::{CustomerId, OrderId};
use crate::desk::{Account, AccountBook, OrderBook, OrderRow};

/// A customer, as policies see it.
#[derive(Debug)]
pub struct Customer(Account);

impl<S: State> Resource<S> for Customer
where
    AccountBook: LentRead<S>,
{
    type Id = CustomerId;
    const TYPE: &'static str = "Customer";
    const ATTRIBUTES: &'static [(&'static str, &'static str)] =
        &[("plan", "String"), ("status", "String")];

    async fn load(from: &Reader<S>, id: &CustomerId) -> Result<Option<Self>, ToolError> {
        Ok(from.lend::<AccountBook>().find(&id.0).await?.map(Self))
    }

    fn tenant(&self) -> &str {
        &self.0.tenant
    }

    fn attributes(&self) -> Attributes {
        [
            ("plan".to_owned(), json!(self.0.plan.as_str())),
            ("status".to_owned(), json!(self.0.status.as_str())),
        ]
        .into_iter()
        .collect()
    }
}

/// An order, as policies see it.
#[derive(Debug)]
pub struct Order(OrderRow);

impl<S: State> Resource<S> for Order
where
    OrderBook: LentRead<S>,
{
    type Id = OrderId;
    const TYPE: &'static str = "Order";
    const ATTRIBUTES: &'static [(&'static str, &'static str)] =
        &[("amount_cents", "Long"), ("customer_id", "String"), ("status", "String")];

    async fn load(from: &Reader<S>, id: &OrderId) -> Result<Option<Self>, ToolError> {
        Ok(from.lend::<OrderBook>().find(&id.0).await?.map(Self))
    }

    fn tenant(&self) -> &str {
        &self.0.tenant
    }

    fn attributes(&self) -> Attributes {
        [
            ("amount_cents".to_owned(), json!(self.0.amount_cents)),
            ("customer_id".to_owned(), json!(self.0.customer_id)),
            ("status".to_owned(), json!(self.0.status)),
        ]
        .into_iter()
        .collect()
    }
}
