//! Two tools over a list of tickets, and the list of what is served.

use mcp_secure::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

/// The tickets, as those who only look get them.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<Vec<String>>);

/// The state of the application.
#[derive(Debug, Default, State)]
pub struct Desk {
    tickets: Tickets,
}

/// How many tickets are open.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
pub struct Open {
    /// The number of open tickets.
    pub open: usize,
}

/// How soon somebody has to look.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// This week.
    Normal,
    /// Today.
    High,
}

/// Says how many tickets are open.
#[tool(risk = "low", permission = "ticket.read", read_only)]
pub async fn count_tickets(tickets: &Tickets) -> Open {
    Open { open: tickets.0.lock().await.len() }
}

/// Drafts a ticket. Nothing is sent to anybody.
#[tool(risk = "medium", permission = "ticket.draft", destructive = false)]
pub async fn draft_ticket(
    tickets: &Tickets,
    /// What it is about, in one line.
    #[arg(min_len = 1, max_len = 120)]
    subject: String,
    /// How soon somebody has to look.
    urgency: Urgency,
) -> Open {
    let mut tickets = tickets.0.lock().await;
    tickets.push(format!("{urgency:?}: {subject}"));
    Open { open: tickets.len() }
}

/// What is served: one list, in one place.
#[must_use]
pub fn served() -> ToolSet<Desk> {
    tools![count_tickets, draft_ticket]
}
