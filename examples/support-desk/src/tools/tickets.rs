use mcp_secure::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Customer, CustomerId, cause};
use crate::desk::{DeskError, NewTicket, Priority, TicketDesk};

/// A draft waits for a person.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
pub struct TicketDraft {
    draft_id: String,
    status: DraftStatus,
    next_step: NextStep,
}

/// What became of the draft.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DraftStatus {
    /// It is kept, and nobody outside has seen it.
    DraftCreated,
}

/// What happens with a draft.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum NextStep {
    /// A person reads it and sends it.
    HumanReview,
}

/// Drafts a support ticket for a customer. A person reads the draft before anything is sent.
#[tool(
    risk = "medium",
    permission = "support.ticket.draft",
    resource = Customer(customer_id),
    destructive = false,
    idempotency,
    rate_limit = "30/min per user"
)]
pub async fn create_support_ticket_draft(
    caller: &Principal,
    call: &CallContext,
    tickets: &TicketDesk,
    /// The customer the ticket is for.
    customer_id: CustomerId,
    /// What it is about, in one line.
    #[arg(min_len = 1, max_len = 120)]
    subject: String,
    /// The text of the ticket.
    #[arg(min_len = 1, max_len = 4000, sensitive)]
    body: String,
    /// How soon somebody has to look at it.
    priority: Priority,
) -> Result<TicketDraft, DeskError> {
    let ticket = NewTicket { customer_id: customer_id.0, subject, body, priority };
    let draft_id =
        tickets.draft(ticket, cause(caller, call, "create_support_ticket_draft")).await?;
    Ok(TicketDraft {
        draft_id,
        status: DraftStatus::DraftCreated,
        next_step: NextStep::HumanReview,
    })
}
