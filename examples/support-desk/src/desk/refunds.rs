//! Paying money back, and taking a refund back.

use rusqlite::OptionalExtension;

use super::database::{Writing, note_effect};
use super::{Cause, Database, DeskError, RefundReason, orders};

/// A refund that was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// `ref_` and a number.
    pub id: String,
    /// Which order.
    pub order_id: String,
    /// How much.
    pub amount_cents: i64,
}

/// Pays refunds.
#[derive(Debug, Clone)]
pub struct RefundService(Writing);

impl RefundService {
    /// Opens the service.
    pub fn open(database: &Database) -> Result<Self, DeskError> {
        Ok(Self(database.writer()?))
    }

    /// Pays a part of an order back; all refunds of an order together never exceed it.
    pub async fn refund(
        &self,
        order_id: &str,
        amount_cents: i64,
        reason: RefundReason,
        cause: Cause,
    ) -> Result<Refund, DeskError> {
        let order_id = order_id.to_owned();
        self.0
            .write(move |on| {
                let order = orders::find(on, &order_id)?.ok_or(DeskError::Missing("order"))?;
                if order.status != "paid" {
                    return Err(DeskError::NotPaid);
                }
                let left_cents = order.amount_cents - order.refunded_cents;
                if amount_cents > left_cents {
                    return Err(DeskError::MoreThanLeft { left_cents });
                }
                on.prepare_cached(
                    "INSERT INTO refunds (order_id, amount_cents, reason, status, by) VALUES (?1, ?2, ?3, 'refunded', ?4)",
                )?
                .execute((&order_id, amount_cents, reason, &cause.by))?;
                let id = format!("ref_{}", on.last_insert_rowid());
                note_effect(on, "refund.paid", &order_id, &cause)?;
                Ok(Refund { id, order_id, amount_cents })
            })
            .await
    }

    /// Takes a refund back.
    pub async fn cancel(&self, refund_id: &str, cause: Cause) -> Result<(), DeskError> {
        let number: i64 = refund_id
            .strip_prefix("ref_")
            .and_then(|n| n.parse().ok())
            .ok_or(DeskError::Missing("refund"))?;
        self.0
            .write(move |on| {
                let found: Option<(String, String)> = on
                    .prepare_cached("SELECT order_id, status FROM refunds WHERE number = ?1")?
                    .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                let (order_id, status) = found.ok_or(DeskError::Missing("refund"))?;
                if status != "refunded" {
                    return Err(DeskError::AlreadyCancelled);
                }
                on.execute("UPDATE refunds SET status = 'cancelled' WHERE number = ?1", [number])?;
                note_effect(on, "refund.cancelled", &order_id, &cause)?;
                Ok(())
            })
            .await
    }
}
