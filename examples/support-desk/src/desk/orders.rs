//! Reading orders.

use rusqlite::OptionalExtension;

use super::database::Reading;
use super::{Database, DeskError};

/// An order's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// `ord_` and a number.
    pub id: String,
    /// Whose customer ordered.
    pub tenant: String,
    /// Who ordered.
    pub customer_id: String,
    /// What was charged.
    pub amount_cents: i64,
    /// What refunds have given back.
    pub refunded_cents: i64,
    /// `paid` or `pending`.
    pub status: String,
}

/// Reads orders.
#[derive(Debug, Clone)]
pub struct OrderBook(Reading);

impl OrderBook {
    /// Opens the book.
    pub fn open(database: &Database) -> Result<Self, DeskError> {
        Ok(Self(database.reader()?))
    }

    /// One order, of any tenant: whoever asks compares the tenant.
    pub async fn find(&self, id: &str) -> Result<Option<OrderRow>, DeskError> {
        let id = id.to_owned();
        self.0.read(move |on| Ok(find(on, &id)?)).await
    }
}

/// Reads an order inside somebody's transaction.
pub(super) fn find(on: &rusqlite::Connection, id: &str) -> rusqlite::Result<Option<OrderRow>> {
    on.prepare_cached(
        "SELECT id, tenant, customer_id, amount_cents, status, \
         (SELECT coalesce(sum(amount_cents), 0) FROM refunds WHERE order_id = orders.id AND status = 'refunded') \
         FROM orders WHERE id = ?1",
    )?
    .query_row([id], |row| {
        Ok(OrderRow {
            id: row.get(0)?,
            tenant: row.get(1)?,
            customer_id: row.get(2)?,
            amount_cents: row.get(3)?,
            status: row.get(4)?,
            refunded_cents: row.get(5)?,
        })
    })
    .optional()
}
