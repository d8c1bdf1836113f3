use mcp_secure::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Customer, CustomerId};
use crate::desk::{Account, AccountBook, CustomerStatus, DeskError, Health, Plan};

/// How one customer is doing.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
pub struct AccountHealthSummary {
    customer_id: CustomerId,
    /// As the customer wrote it.
    name: Untrusted<String>,
    plan: Plan,
    status: CustomerStatus,
    open_tickets: u32,
    lifetime_value_cents: i64,
    health: Health,
}

/// Says how a customer is doing: plan, status, open tickets and what the customer has paid so far.
#[tool(risk = "low", permission = "account.read", resource = Customer(customer_id), read_only)]
pub async fn get_account_health_summary(
    accounts: &AccountBook,
    /// The customer.
    customer_id: CustomerId,
) -> Result<AccountHealthSummary, DeskError> {
    let account = accounts.find(&customer_id.0).await?.ok_or(DeskError::Missing("customer"))?;
    Ok(AccountHealthSummary {
        health: account.health(),
        customer_id,
        name: account.name.into(),
        plan: account.plan,
        status: account.status,
        open_tickets: account.open_tickets,
        lifetime_value_cents: account.lifetime_value_cents,
    })
}

/// A customer in a list.
#[derive(Debug, Serialize, JsonSchema)]
struct FoundCustomer {
    customer_id: CustomerId,
    /// As the customer wrote it.
    name: Untrusted<String>,
    status: CustomerStatus,
}

/// The customers that were found.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
pub struct FoundCustomers {
    customers: Vec<FoundCustomer>,
}

impl From<Account> for FoundCustomer {
    fn from(account: Account) -> Self {
        Self {
            customer_id: CustomerId(account.id),
            name: account.name.into(),
            status: account.status,
        }
    }
}

/// Finds customers by the beginning of their name.
#[tool(risk = "low", permission = "account.read", read_only)]
pub async fn search_customers(
    caller: &Principal,
    accounts: &AccountBook,
    /// How the name begins; upper and lower case are the same.
    #[arg(min_len = 2, max_len = 40)]
    name_prefix: String,
    /// How many to return at most.
    #[arg(min = 1, max = 20, default = 10)]
    limit: u32,
) -> Result<FoundCustomers, DeskError> {
    // The tenant is the caller's and comes from nowhere else.
    let found = accounts.starting_with(&caller.tenant, &name_prefix, limit).await?;
    Ok(FoundCustomers { customers: found.into_iter().map(FoundCustomer::from).collect() })
}
