//! What both servers serve: orders that lie in memory.

/// Both servers have the same, the one an application with such a load would take.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The currencies of amounts.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Currency {
    /// Euro.
    #[serde(rename = "EUR")]
    Euro,
    /// US dollar.
    #[serde(rename = "USD")]
    Dollar,
}

/// A line of an order.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: u32,
    pub(crate) cents: u32,
}

/// An order.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    #[allow(dead_code, reason = "only one of the servers knows tenants")]
    pub(crate) tenant: String,
    pub(crate) status: String,
    pub(crate) total_cents: u32,
    pub(crate) lines: Vec<Line>,
}

/// All orders, by id.
pub(crate) fn orders() -> HashMap<String, Order> {
    let line = |sku: &str, quantity, cents| Line { sku: sku.to_owned(), quantity, cents };
    let order = || Order {
        tenant: "acme".to_owned(),
        status: "delivered".to_owned(),
        total_cents: 129_900,
        lines: vec![line("KB-104", 1, 99_900), line("CB-020", 3, 10_000)],
    };
    (5000..5100).map(|number| (format!("ord_{number}"), order())).collect()
}
