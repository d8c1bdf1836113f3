//! Telling account managers.

use rusqlite::OptionalExtension;

use super::database::{Writing, note_effect};
use super::{Cause, Database, DeskError};

/// Sends notes to the people who look after customers. Here the table is the mailbox.
#[derive(Debug, Clone)]
pub struct Notifier(Writing);

impl Notifier {
    /// Opens the mailbox.
    pub fn open(database: &Database) -> Result<Self, DeskError> {
        Ok(Self(database.writer()?))
    }

    /// Tells the customer's account manager and returns the notification's id.
    pub async fn tell_account_manager(
        &self,
        customer_id: &str,
        summary: &str,
        cause: Cause,
    ) -> Result<String, DeskError> {
        let (customer_id, summary) = (customer_id.to_owned(), summary.to_owned());
        self.0
            .write(move |on| {
                let recipient: String = on
                    .prepare_cached("SELECT account_manager FROM customers WHERE id = ?1")?
                    .query_row([&customer_id], |row| row.get(0))
                    .optional()?
                    .ok_or(DeskError::Missing("customer"))?;
                on.execute(
                    "INSERT INTO notifications (customer_id, recipient, summary, by) VALUES (?1, ?2, ?3, ?4)",
                    (&customer_id, &recipient, &summary, &cause.by),
                )?;
                let id = format!("ntf_{}", on.last_insert_rowid());
                note_effect(on, "account_manager.notified", &customer_id, &cause)?;
                Ok(id)
            })
            .await
    }
}
