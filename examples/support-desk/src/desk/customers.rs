//! Changing customers.

use rusqlite::{Connection, OptionalExtension};

use super::database::{Writing, note_effect};
use super::{CustomerStatus, Database, DeskError};

/// A change of status that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// `chg_` and a number.
    pub id: String,
    /// Whose status.
    pub customer_id: String,
    /// Before.
    pub from: CustomerStatus,
    /// After.
    pub to: CustomerStatus,
}

/// Changes customers' status.
#[derive(Debug, Clone)]
pub struct CustomerDesk(Writing);

impl CustomerDesk {
    /// Opens the desk.
    pub fn open(database: &Database) -> Result<Self, DeskError> {
        Ok(Self(database.writer()?))
    }

    /// Changes a status; a closed account stays closed.
    pub async fn change_status(
        &self,
        customer_id: &str,
        to: CustomerStatus,
        reason: &str,
        by: &str,
    ) -> Result<StatusChange, DeskError> {
        let (customer_id, reason, by) = (customer_id.to_owned(), reason.to_owned(), by.to_owned());
        self.0
            .write(move |on| change(on, customer_id, to, &reason, &by, "customer.status_changed"))
            .await
    }

    /// Closes an account for good.
    pub async fn close(
        &self,
        customer_id: &str,
        reason: &str,
        by: &str,
    ) -> Result<StatusChange, DeskError> {
        let (customer_id, reason, by) = (customer_id.to_owned(), reason.to_owned(), by.to_owned());
        self.0
            .write(move |on| {
                change(on, customer_id, CustomerStatus::Closed, &reason, &by, "account.closed")
            })
            .await
    }
}

fn change(
    on: &Connection,
    customer_id: String,
    to: CustomerStatus,
    reason: &str,
    by: &str,
    effect: &str,
) -> Result<StatusChange, DeskError> {
    let from: CustomerStatus = on
        .prepare_cached("SELECT status FROM customers WHERE id = ?1")?
        .query_row([&customer_id], |row| row.get(0))
        .optional()?
        .ok_or(DeskError::Missing("customer"))?;
    if from == CustomerStatus::Closed {
        return Err(DeskError::AccountClosed);
    }
    if from == to {
        return Err(DeskError::NothingToChange);
    }
    on.execute("UPDATE customers SET status = ?2 WHERE id = ?1", (&customer_id, to))?;
    on.execute(
        "INSERT INTO status_changes (customer_id, from_status, to_status, reason, by) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&customer_id, from, to, reason, by),
    )?;
    let id = format!("chg_{}", on.last_insert_rowid());
    note_effect(on, effect, &customer_id, by)?;
    Ok(StatusChange { id, customer_id, from, to })
}
