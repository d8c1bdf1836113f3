use super::schema;
use crate::store::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long one process waits for another's transaction. Each takes milliseconds, so more means that something hangs.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the switch to WAL is tried: `SQLite` does not wait for the lock that it needs.
const WAL_ATTEMPTS: u32 = 50;
const WAL_PAUSE: Duration = Duration::from_millis(20);

/// Opens the file for writing, creating it if need be, and refuses what is damaged or unknown.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    own_file(path).map_err(|e| StoreError::Open { path: path.to_owned(), why: e.to_string() })?;
    let conn = connect(path)?;
    check_integrity(&conn)?;
    prepared(conn)
}

/// Opens the file for writing once more. It was found sound when it was opened first.
pub(super) fn writer_again(path: &Path) -> Result<Connection, StoreError> {
    prepared(connect(path)?)
}

fn prepared(mut conn: Connection) -> Result<Connection, StoreError> {
    switch_to_wal(&conn)?;
    // FULL: a commit is on the disk before anybody hears of it.
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON;",
    )?;
    // A page that many groups change reaches the file once a checkpoint; a longer log makes that rarer.
    conn.execute_batch("PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -32768;")?;
    schema::migrate(&mut conn)?;
    Ok(conn)
}

/// Opens the file for reading. The writer has been opened before, so the file is there and sound.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let conn = connect(path)?;
    conn.execute_batch("PRAGMA query_only = ON;")?;
    Ok(conn)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    // No SQLITE_OPEN_URI: a path is a path. No SQLITE_OPEN_CREATE: the file was made with the right mode.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)
        .map_err(|e| StoreError::Open { path: path.to_owned(), why: e.to_string() })?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(128);
    conn.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(conn)
}

/// Creates the file, or takes it, so that only its owner reads and writes it. `SQLite` gives its side files that mode.
fn own_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mut permissions = file.metadata()?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            file.set_permissions(permissions)?;
        }
    }
    drop(file);
    Ok(())
}

fn check_integrity(conn: &Connection) -> Result<(), StoreError> {
    let verdict: String = conn.query_row("PRAGMA integrity_check(1)", [], |r| r.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Corrupt(verdict)) }
}

fn switch_to_wal(conn: &Connection) -> Result<(), StoreError> {
    for attempt in 1..=WAL_ATTEMPTS {
        let mode = conn.query_row("PRAGMA journal_mode = WAL", [], |r| r.get::<_, String>(0));
        match mode.map_err(StoreError::from) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(StoreError::Internal(format!(
                    "the file system allows journal mode `{mode}` only"
                )));
            }
            Err(StoreError::Busy) if attempt < WAL_ATTEMPTS => std::thread::sleep(WAL_PAUSE),
            Err(e) => return Err(e),
        }
    }
    Err(StoreError::Busy)
}
