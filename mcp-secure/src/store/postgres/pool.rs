use super::fault::{Fault, of_commit, store_error};
use super::options::PostgresOptions;
use super::tls;
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::pace::Pace;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage};

/// A value and its type. Types are said with each statement, so that none has to be prepared under a name: behind a
/// pooler the next statement may be another server's.
pub(super) type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// Begins a transaction in which each statement sees what was committed before it.
pub(super) const READ_COMMITTED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// The store's time is written down when it is this far ahead of what is written: so that a whole fleet changes that row
/// once a second, and no call waits for it. Milliseconds.
const WRITE_TIME_EVERY: i64 = 1000;
/// How long that may take.
const WRITE_TIME_WITHIN: Duration = Duration::from_millis(250);

/// A few connections, opened when needed and thrown away once they fail.
pub(super) struct Pool {
    options: PostgresOptions,
    connector: Option<tls::Connector>,
    idle: Mutex<Vec<Client>>,
    permits: Semaphore,
    /// What is done one by one may take most connections, so that some are left for groups.
    alone: Semaphore,
    /// The latest time anybody here has seen.
    latest: AtomicI64,
    pace: Pace,
    commits: AtomicU64,
    /// How transactions begin, once it is known what the database would make of a plain one.
    begin: OnceLock<&'static str>,
}

/// An open transaction, and the store's time in it.
pub(super) struct Tx<'a> {
    client: &'a Client,
    pub(super) now: Timestamp,
}

impl Tx<'_> {
    pub(super) async fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        Ok(self.client.query_typed(sql, values).await?)
    }

    /// How many rows changed.
    pub(super) async fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, Fault> {
        Ok(self.client.execute_typed(sql, values).await?)
    }
}

/// A connection on loan. Unless it is given back it is closed, which ends whatever was open on it.
pub(super) struct Lent<'a> {
    pool: &'a Pool,
    client: Client,
    _permit: tokio::sync::SemaphorePermit<'a>,
}

impl Lent<'_> {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn give_back(self) {
        if !self.client.is_closed()
            && let Ok(mut idle) = self.pool.idle.lock()
        {
            idle.push(self.client);
        }
    }
}

impl Pool {
    pub(super) fn new(options: PostgresOptions) -> Result<Self, StoreError> {
        let connector = if options.tls()? { Some(tls::connector()?) } else { None };
        Ok(Self {
            permits: Semaphore::new(options.connections),
            alone: Semaphore::new((options.connections * 3 / 4).max(1)),
            idle: Mutex::new(Vec::new()),
            latest: AtomicI64::new(0),
            pace: Pace::default(),
            commits: AtomicU64::new(0),
            begin: OnceLock::new(),
            connector,
            options,
        })
    }

    /// Takes down how isolated the database's transactions are unless they say otherwise. The rules here hold where each
    /// statement sees what was committed before it, and where conflicts are errors (`serializable`). Under `repeatable
    /// read` a transaction that waited for a row goes on with what it saw before, so that is never left to the database.
    pub(super) fn isolated(&self, by_default: &str) {
        let serializable = by_default == "serializable";
        // The first answer counts: all replicas of a database get the same.
        self.begin.get_or_init(|| if serializable { "BEGIN" } else { READ_COMMITTED });
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// How long one operation may take.
    pub(super) fn timeout(&self) -> Duration {
        self.options.timeout
    }

    pub(super) async fn lend(&self) -> Result<Lent<'_>, Fault> {
        let permit = timeout(self.options.timeout, self.permits.acquire())
            .await
            .map_err(|_| StoreError::Unavailable("every connection is in use".to_owned()))?
            .map_err(|_| StoreError::Closed)?;
        let idle = || self.idle.lock().ok().and_then(|mut idle| idle.pop());
        while let Some(client) = idle() {
            if !client.is_closed() {
                return Ok(Lent { pool: self, client, _permit: permit });
            }
        }
        let client = self.connect().await?;
        Ok(Lent { pool: self, client, _permit: permit })
    }

    /// Held by whoever is about to borrow a connection for a single operation of what is usually done in groups.
    pub(super) async fn alone(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Fault> {
        let permit = timeout(self.options.timeout, self.alone.acquire()).await;
        let permit =
            permit.map_err(|_| StoreError::Unavailable("every connection is in use".to_owned()))?;
        Ok(permit.map_err(|_| StoreError::Closed)?)
    }

    async fn connect(&self) -> Result<Client, Fault> {
        let config = &self.options.config;
        let failed = |error: tokio_postgres::Error| match store_error(&error) {
            StoreError::Internal(why) => Fault::Again(StoreError::Unavailable(why)),
            // A server that is not there yet, or no longer, is worth another try.
            error @ StoreError::Unavailable(_) => Fault::Again(error),
            other => Fault::Final(other),
        };
        let connecting = async {
            if let Some(connector) = &self.connector {
                let (client, connection) =
                    config.connect(connector.clone()).await.map_err(failed)?;
                tokio::spawn(connection);
                return Ok(client);
            }
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            tokio::spawn(connection);
            Ok(client)
        };
        // The driver's own limit is for each address, and ends before the server has said anything.
        timeout(self.options.timeout, connecting).await.unwrap_or_else(|_| {
            Err(Fault::Again(StoreError::Unavailable("the database does not answer".to_owned())))
        })
    }

    /// Begins a transaction: one round trip, which brings the time as well.
    pub(super) async fn begin<'a>(&self, lent: &'a Lent<'_>) -> Result<Begun<'a>, Fault> {
        let limit = (self.options.timeout / 2).as_millis();
        // Local to the transaction, since the next one may be on another connection of a pooler.
        let begin = self.begin.get().copied().unwrap_or(READ_COMMITTED);
        let begin = format!(
            "{begin}; SET LOCAL statement_timeout = {limit}; SET LOCAL idle_in_transaction_session_timeout = {limit}; {TIME}"
        );
        let rows = lent.client.simple_query(&begin).await?;
        let row = rows.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let column = |n| row.and_then(|row| row.get(n)?.parse::<i64>().ok());
        let (Some(clock), Some(written)) = (column(0), column(1)) else {
            return Err(Fault::Final(StoreError::Corrupt("the store has no time".to_owned())));
        };
        let now = self.time(clock, written);
        Ok(Begun { tx: Tx { client: &lent.client, now }, written })
    }

    /// The store's time, which never steps back: the database's clock, but never behind what a replica has written
    /// down, and never behind what this process has seen.
    pub(super) fn time(&self, clock: i64, written: i64) -> Timestamp {
        #[cfg(test)]
        if let Some(given) = &self.options.clock {
            let now = given.now().millis().max(written);
            return Timestamp::from_millis(now.max(self.latest.fetch_max(now, Ordering::AcqRel)));
        }
        let now = self.pace.now(clock, written);
        Timestamp::from_millis(now.max(self.latest.fetch_max(now, Ordering::AcqRel)))
    }

    /// Ends a transaction that has written something. Returns the store's time where that has to be written down.
    pub(super) async fn commit(&self, begun: Begun<'_>) -> Result<Option<Timestamp>, Fault> {
        let Begun { tx, written } = begun;
        tx.client.batch_execute("COMMIT").await.map_err(|error| of_commit(&error))?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok((tx.now.millis().saturating_sub(written) >= WRITE_TIME_EVERY).then_some(tx.now))
    }

    /// Gives a connection back, and writes the store's time down first where that has to be: by itself, so that nobody's
    /// transaction holds the row, and not for long, since what was committed stands whatever becomes of this. Where it
    /// fails, the next one writes it.
    pub(super) async fn end(&self, lent: Lent<'_>, time: Option<Timestamp>) {
        if let Some(time) = time {
            let now = time.millis();
            let sql = "UPDATE mcp_secure.meta SET value = $1 WHERE key = 'time' AND value < $1";
            let values = [(&now as _, Type::INT8)];
            let writing = lent.client.execute_typed(sql, &values);
            if timeout(WRITE_TIME_WITHIN, writing).await.is_err() {
                // An answer is still to come on this connection, so it is of no more use.
                return;
            }
        }
        lent.give_back();
    }

    /// Takes a transaction back, so that its connection can be used again.
    pub(super) async fn roll_back(&self, lent: Lent<'_>) {
        if lent.client.batch_execute("ROLLBACK").await.is_ok() {
            lent.give_back();
        }
    }
}

/// The database's clock and the time that is written down, in milliseconds.
pub(super) const TIME: &str = "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint) AS clock, \
    (SELECT value FROM mcp_secure.meta WHERE key = 'time') AS written";

/// A transaction, and the time that was written down when it began.
pub(super) struct Begun<'a> {
    pub(super) tx: Tx<'a>,
    written: i64,
}
