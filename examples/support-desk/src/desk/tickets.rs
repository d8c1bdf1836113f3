//! Drafting tickets.

use super::database::{Writing, note_effect};
use super::{Cause, Database, DeskError, Priority};

/// What a draft says.
#[derive(Debug, Clone)]
pub struct NewTicket {
    /// Whose ticket it is.
    pub customer_id: String,
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// How soon.
    pub priority: Priority,
}

/// Writes ticket drafts. A person sends them, somewhere else.
#[derive(Debug, Clone)]
pub struct TicketDesk(Writing);

impl TicketDesk {
    /// Opens the desk.
    pub fn open(database: &Database) -> Result<Self, DeskError> {
        Ok(Self(database.writer()?))
    }

    /// Keeps a draft and returns its id.
    pub async fn draft(&self, ticket: NewTicket, cause: Cause) -> Result<String, DeskError> {
        self.0
            .write(move |on| {
                on.prepare_cached(
                    "INSERT INTO tickets (customer_id, subject, body, priority, status, by) \
                     VALUES (?1, ?2, ?3, ?4, 'draft', ?5)",
                )?
                .execute((
                    &ticket.customer_id,
                    &ticket.subject,
                    &ticket.body,
                    ticket.priority,
                    &cause.by,
                ))?;
                let id = format!("drf_{}", on.last_insert_rowid());
                note_effect(on, "ticket.drafted", &id, &cause)?;
                Ok(id)
            })
            .await
    }
}
