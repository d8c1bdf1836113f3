//! The application's state, its people and its tools.

use std::path::Path;

use mcp_secure::identity::{People, Person};
use mcp_secure::prelude::*;

use crate::desk::{
    AccountBook, CustomerDesk, Database, DeskError, KnowledgeBase, Notifier, OrderBook,
    RefundService, TicketDesk,
};
use crate::tools::{
    close_account, create_support_ticket_draft, get_account_health_summary, kb_article,
    notify_account_manager, refund_review, request_customer_status_change, request_refund,
    search_customers,
};

/// What the server lends to tools. Fields marked `write` are out of reach of everything that is read-only.
#[derive(State)]
pub struct App {
    accounts: AccountBook,
    orders: OrderBook,
    articles: KnowledgeBase,
    #[state(write)]
    tickets: TicketDesk,
    #[state(write)]
    refunds: RefundService,
    #[state(write)]
    customers: CustomerDesk,
    #[state(write)]
    notifier: Notifier,
}

impl App {
    /// Opens the desk in a data folder; a fresh folder gets the data set.
    pub fn open(folder: &Path) -> Result<Self, DeskError> {
        let database = Database::open(folder)?;
        Ok(Self {
            accounts: AccountBook::open(&database)?,
            orders: OrderBook::open(&database)?,
            articles: KnowledgeBase::open(&database)?,
            tickets: TicketDesk::open(&database)?,
            refunds: RefundService::open(&database)?,
            customers: CustomerDesk::open(&database)?,
            notifier: Notifier::open(&database)?,
        })
    }
}

/// Everything this server serves.
#[must_use]
pub fn served() -> ToolSet<App> {
    tools![
        get_account_health_summary,
        search_customers,
        create_support_ticket_draft,
        request_customer_status_change,
        request_refund,
        notify_account_manager,
        close_account,
        kb_article,
        refund_review,
    ]
}

/// The people of a sandbox. With a real issuer they come from its tokens instead.
#[must_use]
pub fn people() -> People {
    People::new()
        .with(Person::new("alice", "acme").roles(["support"]))
        .with(Person::new("bob", "acme").roles(["support", "support_lead"]))
        .with(Person::new("carol", "acme").roles(["support", "support_lead"]))
        .with(Person::new("mallory", "acme"))
        .with(Person::new("dave", "globex").roles(["support"]))
        .with(Person::new("erin", "globex").roles(["support_lead"]))
}
