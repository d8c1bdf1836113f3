//! The application's own database: orders, and what really happened to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Row};

/// Connections of one process.
const CONNECTIONS: usize = 4;

/// What the database is asked for where it has nothing yet. `effects` has no unique key: what happens twice is there twice.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS orders (
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, amount_cents BIGINT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS effects (
        kind TEXT NOT NULL, order_id TEXT NOT NULL, amount_cents BIGINT NOT NULL, request_id TEXT NOT NULL,
        by_process INTEGER NOT NULL, at TIMESTAMPTZ NOT NULL DEFAULT now()
    );
    INSERT INTO orders SELECT 'ord_' || n, 'acme', 1000 + n FROM generate_series(1, 20000) AS n
    ON CONFLICT DO NOTHING;
";

/// Why the database has no answer.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Nobody said where it is.
    #[error(
        "`FLEET_DATABASE` does not name the application's database; `cargo run -p fleet` sets it"
    )]
    NotNamed,
    /// It refuses, or is gone. Whether a change was made is not known.
    #[error(transparent)]
    Failed(#[from] tokio_postgres::Error),
}

/// A few connections, made when they are needed and made anew when they are gone.
#[derive(Clone)]
pub struct Database(Arc<Pool>);

struct Pool {
    config: Config,
    slots: Vec<Mutex<Option<Client>>>,
    next: AtomicUsize,
}

impl Database {
    /// A database that is not connected to yet.
    pub fn new(url: &str) -> Result<Self, DatabaseError> {
        let mut config: Config = url.parse()?;
        config.connect_timeout(Duration::from_secs(5)).application_name("fleet");
        let slots = (0..CONNECTIONS).map(|_| Mutex::default()).collect();
        Ok(Self(Arc::new(Pool { config, slots, next: AtomicUsize::new(0) })))
    }

    /// Makes the tables and 20,000 orders.
    pub async fn set_up(&self) -> Result<(), DatabaseError> {
        Ok(self.connect().await?.batch_execute(TABLES).await?)
    }

    async fn query(
        &self,
        sql: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, DatabaseError> {
        let mut slot = self.slot().await;
        let client = match slot.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.connect().await?,
        };
        // A call that is given up here drops the connection with it: nobody reads another's answer.
        let rows = client.query_typed(sql, values).await?;
        *slot = Some(client);
        Ok(rows)
    }

    /// A free connection, or the next one in turn.
    async fn slot(&self) -> MutexGuard<'_, Option<Client>> {
        if let Some(free) = self.0.slots.iter().find_map(|slot| slot.try_lock().ok()) {
            return free;
        }
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
        match self.0.slots.get(turn).or(self.0.slots.first()) {
            Some(slot) => slot.lock().await,
            None => std::future::pending().await,
        }
    }

    async fn connect(&self) -> Result<Client, DatabaseError> {
        let (client, connection) = self.0.config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// An order.
#[derive(Debug, Clone)]
pub struct OrderRow {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// What it costs, in cents.
    pub amount_cents: i64,
}

/// Reads orders.
#[derive(Clone)]
pub struct OrderBook(Database);

impl OrderBook {
    /// The orders of this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self(database)
    }

    /// The order called `id`.
    pub async fn find(&self, id: &str) -> Result<Option<OrderRow>, DatabaseError> {
        let sql = "SELECT id, tenant, amount_cents FROM orders WHERE id = $1";
        let rows = self.0.query(sql, &[(&id, Type::TEXT)]).await?;
        rows.first()
            .map(|row| {
                Ok(OrderRow {
                    id: row.try_get(0)?,
                    tenant: row.try_get(1)?,
                    amount_cents: row.try_get(2)?,
                })
            })
            .transpose()
    }
}

/// Moves money and sends letters, as far as an example does: a row for each.
#[derive(Clone)]
pub struct Till(Database);

impl Till {
    /// The till of this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self(database)
    }

    /// Does it. Committed when this returns.
    pub async fn happen(
        &self,
        kind: &str,
        order_id: &str,
        amount_cents: i64,
        request_id: &str,
    ) -> Result<(), DatabaseError> {
        let process = i32::try_from(std::process::id()).unwrap_or_default();
        let sql = "INSERT INTO effects (kind, order_id, amount_cents, request_id, by_process) \
                   VALUES ($1, $2, $3, $4, $5)";
        let values: [(&(dyn ToSql + Sync), Type); 5] = [
            (&kind, Type::TEXT),
            (&order_id, Type::TEXT),
            (&amount_cents, Type::INT8),
            (&request_id, Type::TEXT),
            (&process, Type::INT4),
        ];
        self.0.query(sql, &values).await.map(drop)
    }
}
