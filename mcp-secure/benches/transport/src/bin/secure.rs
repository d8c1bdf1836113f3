//! The shop, declared with its policies. Everything is on: tokens, policies, records.

#![allow(clippy::unused_async, reason = "tools are asynchronous")]

#[path = "../shop.rs"]
mod shop;

use std::collections::HashMap;
use std::process::ExitCode;

use mcp_secure::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shop::{Currency, Line};

/// An order's id: `ord_` and digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ResourceId)]
#[serde(transparent)]
struct OrderId(#[schemars(regex(pattern = r"^ord_[0-9]{1,9}$"))] String);

/// An order as it is shown.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
struct Shown {
    order_id: OrderId,
    status: String,
    total_cents: u32,
    lines: Vec<Line>,
}

/// What was marked.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
struct Marked {
    order_id: OrderId,
    mark: u32,
}

struct Orders(HashMap<String, shop::Order>);

struct Marks;

#[derive(State)]
struct App {
    orders: Orders,
    #[state(write)]
    marks: Marks,
}

struct Order(shop::Order);

impl<S: State> Resource<S> for Order
where
    Orders: LentRead<S>,
{
    type Id = OrderId;
    const TYPE: &'static str = "Order";
    const ATTRIBUTES: &'static [(&'static str, &'static str)] =
        &[("status", "String"), ("total_cents", "Long")];

    async fn load(from: &Reader<S>, id: &OrderId) -> Result<Option<Self>, ToolError> {
        Ok(from.lend::<Orders>().0.get(&id.0).cloned().map(Self))
    }

    fn tenant(&self) -> &str {
        &self.0.tenant
    }

    fn attributes(&self) -> Attributes {
        let status = json!(self.0.status);
        let total = json!(self.0.total_cents);
        [("status".to_owned(), status), ("total_cents".to_owned(), total)].into_iter().collect()
    }
}

/// Reads one order.
#[tool(risk = "low", permission = "order.read", resource = Order(order_id), read_only)]
async fn read_order(
    orders: &Orders,
    /// The order.
    order_id: OrderId,
    /// How many lines to show at most.
    #[arg(min = 1, max = 20)]
    limit: u32,
    /// The currency of the amounts.
    currency: Currency,
) -> Result<Shown, ToolError> {
    let _ = currency;
    let order = orders.0.get(&order_id.0).ok_or_else(|| ToolError::internal("no such order"))?;
    Ok(Shown {
        order_id,
        status: order.status.clone(),
        total_cents: order.total_cents,
        lines: order.lines.iter().take(limit as usize).cloned().collect(),
    })
}

/// Marks one order. The body does nothing, so that what is measured is the gate.
#[tool(risk = "medium", permission = "order.mark", resource = Order(order_id), destructive = false)]
async fn mark_order(
    _marks: &Marks,
    /// The order.
    order_id: OrderId,
    /// The mark.
    #[arg(min = 1, max = 1_000_000_000)]
    mark: u32,
) -> Result<Marked, ToolError> {
    Ok(Marked { order_id, mark })
}

/// More tools, with permissions of their own, so that policies can be about them.
macro_rules! counts {
    ($($name:ident $permission:literal)*) => {
        $(
            /// Counts what there is of one kind.
            #[tool(risk = "low", permission = $permission, read_only)]
            async fn $name(#[arg(min = 1, max = 9)] shelf: u32) -> Content {
                Content::text(format!("shelf {shelf} is empty"))
            }
        )*

        const PERMISSIONS: &[&str] = &["order.read", "order.mark", $($permission),*];

        fn counts() -> ToolSet<App> {
            tools![$($name),*]
        }
    };
}

counts! {
    count_articles "article.count"
    count_customers "customer.count"
    count_drafts "draft.count"
    count_letters "letter.count"
    count_parcels "parcel.count"
    count_returns "return.count"
    count_tickets "ticket.count"
}

/// Ten policies: one for each permission, and one for all that keeps tenants apart.
fn policies() -> String {
    let tenants =
        "forbid (principal, action, resource) when { resource.tenant != principal.tenant };";
    let permit = |permission: &&str| {
        format!(
            "permit (principal in Role::\"support\", action in Action::\"{permission}\", resource);"
        )
    };
    let permits: Vec<String> = PERMISSIONS.iter().map(permit).collect();
    format!("{tenants}\n{}\n", permits.join("\n"))
}

#[tokio::main]
async fn main() -> ExitCode {
    Server::builder(|_| Ok::<_, String>(App { orders: Orders(shop::orders()), marks: Marks }))
        .info("bench", env!("CARGO_PKG_VERSION"))
        .owner("benches")
        .tools(tools![read_order, mark_order].and(counts()))
        .people(People::new().with(Person::new("alice", "acme").roles(["support"])))
        .policies(Policies::from_str("bench.cedar", policies()))
        .settings(mcp_secure::pipeline::Settings { quota: None, ..Default::default() })
        .cli()
        .await
}
