//! A server with a hundred tools, of which one is called: it reads an order that lies in memory.

use std::collections::HashMap;
use std::fmt::Write as _;

use mcp_secure::prelude::*;
use mcp_secure::server::ServerBuilder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::fillers::{PERMISSIONS, fillers};

pub(crate) const TOOL: &str = "read_order";

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ResourceId)]
#[serde(transparent)]
pub(crate) struct OrderId(#[schemars(regex(pattern = r"^ord_[0-9]{1,9}$"))] pub String);

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Currency {
    #[serde(rename = "EUR")]
    Euro,
    #[serde(rename = "USD")]
    Dollar,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Line {
    sku: String,
    quantity: u32,
    cents: u32,
}

/// An order as it is shown.
#[derive(Debug, Clone, Serialize, JsonSchema, ToolOutput)]
pub(crate) struct Shown {
    order_id: OrderId,
    status: String,
    total_cents: u32,
    lines: Vec<Line>,
}

#[derive(Clone)]
pub(crate) struct Order {
    tenant: String,
    shown: Shown,
}

pub(crate) struct Orders(HashMap<OrderId, Order>);

#[derive(State)]
pub(crate) struct App {
    orders: Orders,
}

impl<S: State> Resource<S> for Order
where
    Orders: LentRead<S>,
{
    type Id = OrderId;
    const TYPE: &'static str = "Order";
    const ATTRIBUTES: &'static [(&'static str, &'static str)] =
        &[("status", "String"), ("total_cents", "Long")];

    async fn load(from: &Reader<S>, id: &OrderId) -> Result<Option<Self>, ToolError> {
        Ok(from.lend::<Orders>().0.get(id).cloned())
    }

    fn tenant(&self) -> &str {
        &self.tenant
    }

    fn attributes(&self) -> Attributes {
        let status = json!(self.shown.status);
        let total = json!(self.shown.total_cents);
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
    let _ = (limit, currency);
    let order = orders.0.get(&order_id).ok_or_else(|| ToolError::internal("no such order"))?;
    Ok(order.shown.clone())
}

pub(crate) fn server(policies: &str) -> ServerBuilder<App> {
    Server::builder(|_| Ok::<_, String>(App { orders: Orders(orders()) }))
        .info("bench", "1.0.0")
        .owner("benches")
        .tools(tools![read_order].and(fillers()))
        .people(People::new().with(Person::new("alice", "acme").roles(["support", "reader"])))
        .settings(mcp_secure::pipeline::Settings { quota: None, ..Default::default() })
        .policies(Policies::from_str("bench.cedar", policies))
}

fn orders() -> HashMap<OrderId, Order> {
    (5000..5100)
        .map(|number| {
            let order_id = OrderId(format!("ord_{number}"));
            let line = |sku: &str, quantity, cents| Line { sku: sku.to_owned(), quantity, cents };
            let shown = Shown {
                order_id: order_id.clone(),
                status: "delivered".to_owned(),
                total_cents: 129_900,
                lines: vec![line("KB-104", 1, 99_900), line("CB-020", 3, 10_000)],
            };
            (order_id, Order { tenant: "acme".to_owned(), shown })
        })
        .collect()
}

/// So many policies of the action that is called, the first of which permits it, and one for each of so many others.
pub(crate) fn policies(own: usize, others: usize) -> String {
    let mut text = String::new();
    for n in 0..own {
        let (effect, rest) = match n {
            0 => ("permit", String::new()),
            n if n % 2 == 1 => (
                "permit",
                format!(" when {{ resource.total_cents < {n} && context.args.limit > {n} }}"),
            ),
            n => (
                "forbid",
                format!(
                    " when {{ resource.status == \"frozen{n}\" && principal.tenant != resource.tenant }}"
                ),
            ),
        };
        writeln!(
            text,
            "@id(\"own{n}\") {effect} (principal in Role::\"support\", action in Action::\"order.read\", resource){rest};"
        )
        .unwrap();
    }
    for permission in PERMISSIONS.iter().take(others) {
        writeln!(
            text,
            "@id(\"{permission}\") permit (principal in Role::\"reader\", action in Action::\"{permission}\", resource);"
        )
        .unwrap();
    }
    text
}
