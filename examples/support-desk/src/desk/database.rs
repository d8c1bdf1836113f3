//! The desk's SQLite file. Several processes may have it open at once: a server for each stdio host, and the command line.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::{Cause, DeskError, data_set};

/// How long a process waits for another one's write.
const BUSY: Duration = Duration::from_secs(10);

/// The file's name in the data folder.
const FILE: &str = "support-desk.sqlite";

const SCHEMA: &str = include_str!("schema.sql");

/// Opens connections to the desk's file.
#[derive(Debug, Clone)]
pub struct Database {
    path: PathBuf,
}

impl Database {
    /// Opens the file in a data folder, and makes it together with its data set if it is not there yet.
    pub fn open(folder: &Path) -> Result<Self, DeskError> {
        let database = Self { path: folder.join(FILE) };
        let mut connection = database.connect(OpenFlags::default())?;
        write_ahead(&connection)?;
        // Immediate, so that of two processes which both find no file only one fills it.
        let setup = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        setup.execute_batch(SCHEMA)?;
        if setup.query_row("SELECT count(*) FROM customers", (), |row| row.get::<_, i64>(0))? == 0 {
            data_set::fill(&setup)?;
        }
        setup.commit()?;
        Ok(database)
    }

    /// A handle that can only read: SQLite itself refuses a write through it.
    pub fn reader(&self) -> Result<Reading, DeskError> {
        let connection =
            self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        Ok(Reading(Handle::new(connection)))
    }

    /// A handle that can write.
    pub fn writer(&self) -> Result<Writing, DeskError> {
        Ok(Writing(Handle::new(self.connect(OpenFlags::default())?)))
    }

    fn connect(&self, flags: OpenFlags) -> Result<Connection, DeskError> {
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    }
}

/// Has the file keep a write-ahead log. SQLite waits for nobody with that: of two processes which both find it without
/// one, the second is told that it is locked.
fn write_ahead(connection: &Connection) -> Result<(), DeskError> {
    let begun = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && begun.elapsed() < BUSY =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return Ok(done?),
        }
    }
}

/// A connection that can only read.
#[derive(Debug, Clone)]
pub struct Reading(Handle);

impl Reading {
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, DeskError> + Send + 'static,
    ) -> Result<T, DeskError> {
        self.0.with(|connection| work(connection)).await
    }
}

/// A connection that can write, one transaction at a time.
#[derive(Debug, Clone)]
pub struct Writing(Handle);

impl Writing {
    /// Runs the work in one transaction, which holds only if the work succeeds.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, DeskError> + Send + 'static,
    ) -> Result<T, DeskError> {
        self.0
            .with(|connection| {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let done = work(&transaction)?;
                transaction.commit()?;
                Ok(done)
            })
            .await
    }
}

#[derive(Debug, Clone)]
struct Handle(Arc<Mutex<Connection>>);

impl Handle {
    fn new(connection: Connection) -> Self {
        Self(Arc::new(Mutex::new(connection)))
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, DeskError> + Send + 'static,
    ) -> Result<T, DeskError> {
        let connection = Arc::clone(&self.0);
        let task = tokio::task::spawn_blocking(move || {
            // A panic under the lock rolled its transaction back, so the connection is still good.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
        });
        task.await.unwrap_or(Err(DeskError::Lost))
    }
}

/// Notes an effect on the world, in the transaction that makes it. Proofs that something ran once count these rows.
pub(super) fn note_effect(
    on: &Transaction<'_>,
    kind: &str,
    subject: &str,
    cause: &Cause,
) -> rusqlite::Result<()> {
    on.prepare_cached(
        "INSERT INTO effects (request_id, tool, kind, subject, by) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((&cause.request_id, cause.tool, kind, subject, &cause.by))?;
    Ok(())
}
