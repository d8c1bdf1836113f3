//! The desk itself: customers, orders, tickets, refunds, and the services that read and change them.
//!
//! Nothing here knows of MCP. Services that only read and services that change things are different types, so that the
//! application's state can lend the one without the other.

mod accounts;
mod articles;
mod cause;
mod customers;
mod data_set;
mod database;
mod error;
mod notifier;
mod orders;
mod refunds;
#[cfg(test)]
mod tests;
mod tickets;
mod words;

pub use accounts::{Account, AccountBook, Health};
pub use articles::{Article, KnowledgeBase};
pub use cause::Cause;
pub use customers::{CustomerDesk, StatusChange};
pub use database::Database;
pub use error::DeskError;
pub use notifier::Notifier;
pub use orders::{OrderBook, OrderRow};
pub use refunds::{Refund, RefundService};
pub use tickets::{NewTicket, TicketDesk};
pub use words::{CustomerStatus, Plan, Priority, RefundReason};
