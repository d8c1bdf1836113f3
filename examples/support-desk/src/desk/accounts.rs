//! Reading customers.

use rusqlite::{OptionalExtension, Row};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::database::Reading;
use super::{CustomerStatus, Database, DeskError, Plan};

/// A customer's row, with what is counted about it.
#[derive(Debug, Clone)]
pub struct Account {
    /// `cus_` and a number.
    pub id: String,
    /// Whose customer it is.
    pub tenant: String,
    /// As the customer typed it: untrusted.
    pub name: String,
    /// What the customer pays for.
    pub plan: Plan,
    /// Whether the customer is served.
    pub status: CustomerStatus,
    /// What colleagues and customers wrote: untrusted.
    pub notes: String,
    /// Who looks after the customer.
    pub account_manager: String,
    /// What the customer paid so far.
    pub lifetime_value_cents: i64,
    /// Tickets nobody has closed.
    pub open_tickets: u32,
}

/// How a customer is doing, at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nothing to do.
    Good,
    /// Look again soon.
    Watch,
    /// Somebody should call.
    Poor,
}

impl Account {
    /// The rule behind the word.
    #[must_use]
    pub fn health(&self) -> Health {
        match (self.status, self.open_tickets) {
            (CustomerStatus::Closed, _) | (_, 4..) => Health::Poor,
            (CustomerStatus::Paused, _) | (_, 2..) => Health::Watch,
            (CustomerStatus::Active, _) => Health::Good,
        }
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant")?,
            name: row.get("name")?,
            plan: row.get("plan")?,
            status: row.get("status")?,
            notes: row.get("notes")?,
            account_manager: row.get("account_manager")?,
            lifetime_value_cents: row.get("lifetime_value_cents")?,
            open_tickets: row.get("open_tickets")?,
        })
    }
}

const COLUMNS: &str = "id, tenant, name, plan, status, notes, account_manager, lifetime_value_cents, \
    (SELECT count(*) FROM tickets WHERE customer_id = customers.id AND status = 'open') AS open_tickets";

/// Reads customers.
#[derive(Debug, Clone)]
pub struct AccountBook(Reading);

impl AccountBook {
    /// Opens the book.
    pub fn open(database: &Database) -> Result<Self, DeskError> {
        Ok(Self(database.reader()?))
    }

    /// One customer, of any tenant: whoever asks compares the tenant.
    pub async fn find(&self, id: &str) -> Result<Option<Account>, DeskError> {
        let id = id.to_owned();
        self.0
            .read(move |on| {
                let sql = format!("SELECT {COLUMNS} FROM customers WHERE id = ?1");
                Ok(on.prepare_cached(&sql)?.query_row([id], Account::from_row).optional()?)
            })
            .await
    }

    /// A tenant's customers whose name starts so, in the order of their names.
    pub async fn starting_with(
        &self,
        tenant: &str,
        prefix: &str,
        limit: u32,
    ) -> Result<Vec<Account>, DeskError> {
        let tenant = tenant.to_owned();
        // The prefix is data: its wildcards are escaped, so `%` finds a per cent sign and not everybody.
        let pattern =
            format!("{}%", prefix.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        self.0
            .read(move |on| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM customers WHERE tenant = ?1 AND name LIKE ?2 ESCAPE '\\' \
                     ORDER BY name COLLATE NOCASE, id LIMIT ?3"
                );
                let mut statement = on.prepare_cached(&sql)?;
                let rows = statement.query_map((tenant, pattern, limit), Account::from_row)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}
