//! Changing customers.

use rusqlite::{OptionalExtension, Transaction};

use super::database::{Writing, note_effect};
use super::{Cause, CustomerStatus, Database, DeskError};

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

impl CustomerStatus {
    /// Whether a customer of this status may get the other one; a closed account stays closed.
    pub fn may_become(self, to: Self) -> Result<(), DeskError> {
        match self {
            Self::Closed => Err(DeskError::AccountClosed),
            from if from == to => Err(DeskError::NothingToChange),
            Self::Active | Self::Paused => Ok(()),
        }
    }
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
        cause: Cause,
    ) -> Result<StatusChange, DeskError> {
        let (customer_id, reason) = (customer_id.to_owned(), reason.to_owned());
        self.0
            .write(move |on| {
                change(on, customer_id, to, &reason, &cause, "customer.status_changed")
            })
            .await
    }

    /// Closes an account for good.
    pub async fn close(
        &self,
        customer_id: &str,
        reason: &str,
        cause: Cause,
    ) -> Result<StatusChange, DeskError> {
        let (customer_id, reason) = (customer_id.to_owned(), reason.to_owned());
        self.0
            .write(move |on| {
                change(on, customer_id, CustomerStatus::Closed, &reason, &cause, "account.closed")
            })
            .await
    }

    /// Puts the status back that a customer had before a change, if nobody has changed it since.
    pub async fn put_back(&self, change_id: &str, cause: Cause) -> Result<(), DeskError> {
        let number: i64 = change_id
            .strip_prefix("chg_")
            .and_then(|n| n.parse().ok())
            .ok_or(DeskError::Missing("change"))?;
        self.0.write(move |on| put_back(on, number, &cause)).await
    }
}

fn change(
    on: &Transaction<'_>,
    customer_id: String,
    to: CustomerStatus,
    reason: &str,
    cause: &Cause,
    effect: &str,
) -> Result<StatusChange, DeskError> {
    let from: CustomerStatus = on
        .prepare_cached("SELECT status FROM customers WHERE id = ?1")?
        .query_row([&customer_id], |row| row.get(0))
        .optional()?
        .ok_or(DeskError::Missing("customer"))?;
    from.may_become(to)?;
    let change = write(on, customer_id, from, to, reason, cause)?;
    note_effect(on, effect, &change.customer_id, cause)?;
    Ok(change)
}

fn put_back(on: &Transaction<'_>, number: i64, cause: &Cause) -> Result<(), DeskError> {
    let (customer_id, from, to) = on
        .prepare_cached(
            "SELECT customer_id, from_status, to_status FROM status_changes WHERE number = ?1",
        )?
        .query_row([number], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))
        .optional()?
        .ok_or(DeskError::Missing("change"))?;
    let latest: i64 = on
        .prepare_cached("SELECT max(number) FROM status_changes WHERE customer_id = ?1")?
        .query_row([&customer_id], |row| row.get(0))?;
    // Putting back is a change too, so this also holds for a change that was put back already.
    if latest != number {
        return Err(DeskError::ChangedSince);
    }
    let reason = format!("chg_{number} was rolled back");
    let change = write(on, customer_id, to, from, &reason, cause)?;
    note_effect(on, "customer.status_put_back", &change.customer_id, cause)?;
    Ok(())
}

fn write(
    on: &Transaction<'_>,
    customer_id: String,
    from: CustomerStatus,
    to: CustomerStatus,
    reason: &str,
    cause: &Cause,
) -> rusqlite::Result<StatusChange> {
    on.execute("UPDATE customers SET status = ?2 WHERE id = ?1", (&customer_id, to))?;
    on.execute(
        "INSERT INTO status_changes (customer_id, from_status, to_status, reason, by) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&customer_id, from, to, reason, &cause.by),
    )?;
    let id = format!("chg_{}", on.last_insert_rowid());
    Ok(StatusChange { id, customer_id, from, to })
}
