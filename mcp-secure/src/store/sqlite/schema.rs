use super::rows;
use crate::store::StoreError;
use crate::store::listing::sought;
use crate::store::row::{Request, parse, unreadable_approval};
use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours: "mcps" in ASCII.
const APPLICATION_ID: i64 = 0x6d63_7073;

/// One entry per version, applied in order and never edited once released.
///
/// What never changes about a row is one JSON text; what is searched or compared-and-set has a column of its own.
/// `told` says that the audit has been told of a change nobody asked for; while it has not, `tell_at` is when the next
/// process is to tell it (a run has nothing to tell where that is null). `heard` that the requester has been told that
/// the request ran out. A run holds its key in its own row, so that a call costs one row to begin and one change to
/// end: `key` and `key_window` are null once it holds none; `key_until` and `keep_until` are null while it holds for ever.
/// `lent_key` is the key of a run in doubt while another run of the same call has it.
///
/// The indexes by tenant hold all that a page of a list is found by, and are in its order. A search has a table of its own
/// in the same order: among whole requests it would read every one of them.
const MIGRATIONS: &[&str] = &["
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta (key, value) VALUES ('time', 0);

CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    effect TEXT NOT NULL,
    tenant TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'running', 'done', 'failed', 'in_doubt', 'denied',
        'expired', 'withdrawn', 'void')),
    state_at INTEGER NOT NULL,
    detail TEXT NOT NULL,
    answer TEXT,
    told INTEGER NOT NULL DEFAULT 0,
    heard INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX approvals_standing ON approvals (effect)
    WHERE state IN ('pending', 'approved', 'running', 'in_doubt');
CREATE INDEX approvals_by_effect ON approvals (effect, state_at);
CREATE INDEX approvals_by_state ON approvals (state, expires);
CREATE INDEX approvals_by_requester ON approvals (issuer, subject, tenant, state);
CREATE INDEX approvals_by_tenant ON approvals (tenant, created);
CREATE INDEX approvals_untold ON approvals (id) WHERE state = 'expired' AND told = 0;
CREATE INDEX approvals_with_answer ON approvals (state_at) WHERE answer IS NOT NULL;

CREATE TABLE votes (
    approval TEXT NOT NULL REFERENCES approvals (id),
    person TEXT NOT NULL,
    nth INTEGER NOT NULL,
    vote TEXT NOT NULL,
    PRIMARY KEY (approval, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    fence INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE,
    approval TEXT REFERENCES approvals (id),
    run TEXT NOT NULL,
    started INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'no_effect', 'in_doubt')),
    finished INTEGER,
    outcome TEXT,
    late TEXT
) STRICT;
CREATE INDEX runs_by_lease ON runs (lease_until) WHERE state = 'running';
CREATE INDEX runs_by_end ON runs (finished) WHERE state IN ('done', 'failed', 'no_effect');
", "
ALTER TABLE runs ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN tool TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN key BLOB;
ALTER TABLE runs ADD COLUMN key_arguments BLOB;
ALTER TABLE runs ADD COLUMN key_window INTEGER;
ALTER TABLE runs ADD COLUMN key_until INTEGER;
ALTER TABLE runs ADD COLUMN answer TEXT;
ALTER TABLE runs ADD COLUMN compensates TEXT;
ALTER TABLE runs ADD COLUMN rollback TEXT;
ALTER TABLE runs ADD COLUMN rollback_until INTEGER;
ALTER TABLE runs ADD COLUMN taken_by TEXT;
ALTER TABLE runs ADD COLUMN keep_until INTEGER;
UPDATE runs SET tenant = json_extract(run, '$.caller.tenant'), tool = json_extract(run, '$.tool'),
    keep_until = CASE WHEN state IN ('done', 'failed', 'no_effect') THEN finished + 86400000 END;
DROP INDEX runs_by_end;
CREATE UNIQUE INDEX runs_by_key ON runs (key) WHERE key IS NOT NULL;
CREATE INDEX runs_in_doubt ON runs (fence) WHERE state = 'in_doubt';
CREATE INDEX runs_to_drop ON runs (keep_until) WHERE keep_until IS NOT NULL;

CREATE TABLE buckets (bucket BLOB PRIMARY KEY, filled INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX buckets_by_time ON buckets (filled);

CREATE TABLE switches (scope TEXT PRIMARY KEY, since INTEGER NOT NULL, by TEXT NOT NULL, reason TEXT)
    STRICT, WITHOUT ROWID;
", "
ALTER TABLE runs ADD COLUMN lent_key BLOB;
CREATE INDEX runs_by_lent_key ON runs (lent_key) WHERE lent_key IS NOT NULL;
ALTER TABLE runs ADD COLUMN tell_at INTEGER;
CREATE INDEX runs_to_tell ON runs (tell_at) WHERE tell_at IS NOT NULL;
ALTER TABLE approvals ADD COLUMN tell_at INTEGER;
", "
ALTER TABLE approvals ADD COLUMN tool TEXT NOT NULL DEFAULT '';
ALTER TABLE approvals ADD COLUMN task INTEGER NOT NULL DEFAULT 0;
ALTER TABLE approvals ADD COLUMN announce INTEGER NOT NULL DEFAULT 0;
DROP INDEX approvals_by_tenant;
CREATE INDEX approvals_by_tenant ON approvals (tenant, created, id, tool);
CREATE INDEX approvals_by_tenant_state ON approvals (tenant, state, created, id, expires, tool);
CREATE INDEX approvals_of_tasks ON approvals (state, created, id, expires) WHERE task = 1;

CREATE TABLE approval_search (
    tenant TEXT NOT NULL,
    created INTEGER NOT NULL,
    id TEXT NOT NULL REFERENCES approvals (id),
    state TEXT NOT NULL,
    expires INTEGER NOT NULL,
    tool TEXT NOT NULL,
    task INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (tenant, created, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE tickets (
    kind TEXT NOT NULL,
    digest BLOB NOT NULL,
    content TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (kind, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_by_end ON tickets (expires);

CREATE TABLE notices (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    approval TEXT NOT NULL REFERENCES approvals (id),
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    progress TEXT NOT NULL DEFAULT 'null'
) STRICT;
CREATE INDEX notices_by_due ON notices (due);
CREATE INDEX notices_by_approval ON notices (approval, number);
", "
DROP INDEX approvals_by_effect;
CREATE INDEX approvals_by_effect ON approvals (effect, state, state_at);
"];

/// The entry after which older requests are made findable.
const LISTS: usize = 3;

/// Writes down the tool and the text of requests of an older release. Not in SQL, which lowers ASCII alone and ends at the
/// first request that can not be read.
fn make_findable(conn: &Connection) -> Result<(), StoreError> {
    let ids: Vec<String> = conn
        .prepare("SELECT id FROM approvals")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in ids {
        let request: String = conn
            .prepare_cached("SELECT request FROM approvals WHERE id = ?1")?
            .query_row([&id], |row| row.get(0))?;
        let (Ok(parsed), Ok(request)) = (id.parse(), parse::<Request>(&request)) else {
            unreadable_approval(&id, "no search will find it");
            continue;
        };
        conn.prepare_cached("UPDATE approvals SET tool = ?1 WHERE id = ?2")?
            .execute([&request.tool, &id])?;
        rows::make_findable(conn, &id, &sought(&parsed, &request))?;
    }
    Ok(())
}

/// Brings the file to the present version, or refuses it.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), StoreError> {
    // Taken before the version is read: two processes may open a new file at once.
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = tx.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    let application: i64 = tx.query_row("PRAGMA application_id", [], |r| r.get(0))?;
    let objects: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    let new = version == 0 && application == 0 && objects == 0;
    if !new && application != APPLICATION_ID {
        return Err(StoreError::Corrupt("it is another program's database".to_owned()));
    }
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let done = usize::try_from(version).ok().filter(|_| version <= known);
    let Some(done) = done else { return Err(StoreError::Version { found: version, known }) };
    for (at, step) in MIGRATIONS.iter().enumerate().skip(done) {
        tx.execute_batch(step)?;
        if at == LISTS {
            make_findable(&tx)?;
        }
    }
    if version < known {
        tx.execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {known};"
        ))?;
    }
    Ok(tx.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{ApprovalId, StateKind};
    use crate::clock::{Clock, Timestamp};
    use crate::store::{ApprovalFilter, Sqlite, Store as _};
    use rusqlite::params;

    #[test]
    fn a_file_of_the_first_release_keeps_its_runs() {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(MIGRATIONS[0]).unwrap();
        conn.execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;
             INSERT INTO runs (run_id, run, started, lease_until, state, finished)
             VALUES ('a', '{{\"tool\":\"t\",\"caller\":{{\"tenant\":\"acme\"}}}}', 1, 2, 'done', 5),
                    ('b', '{{\"tool\":\"t\",\"caller\":{{\"tenant\":\"acme\"}}}}', 1, 2, 'in_doubt', 5)"
        ))
        .unwrap();
        migrate(&mut conn).unwrap();
        let row = |id: &str| {
            let sql = "SELECT tenant, tool, keep_until FROM runs WHERE run_id = ?1";
            let read = |r: &rusqlite::Row<'_>| Ok((r.get(0)?, r.get(1)?, r.get(2)?));
            conn.query_row::<(String, String, Option<i64>), _, _>(sql, [id], read).unwrap()
        };
        assert_eq!(row("a"), ("acme".to_owned(), "t".to_owned(), Some(86_400_005)));
        assert_eq!(row("b").2, None);
    }

    /// A request as an older release wrote it.
    const REQUEST: &str = r#"{"requester":{"issuer":"i","subject":"sub-alice","tenant":"acme","person":"ÉVA","actors":[],
        "client":"agent","method":"bearer"},"tool":"close","contract":
        "0000000000000000000000000000000000000000000000000000000000000000","resource":["Order::\"O-1\""],"arguments":{},
        "exact":{},"preview":null,"risk":"high","asked_by":"x","by":"y","quorum":1,"allow_requester":false}"#;

    #[test]
    fn requests_of_an_older_release_are_found_and_one_that_cannot_be_read_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let older = Connection::open(&path).unwrap();
        for step in &MIGRATIONS[..LISTS] {
            older.execute_batch(step).unwrap();
        }
        older
            .execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {LISTS};"
            ))
            .unwrap();
        let whole = ApprovalId::random();
        let pending = r#"{"state":"pending"}"#;
        for (n, id, request) in [
            (1, whole.to_string(), REQUEST),
            (2, ApprovalId::random().to_string(), "{"),
            (3, "no id".to_owned(), REQUEST),
        ] {
            older
                .execute(
                    "INSERT INTO approvals (id, effect, tenant, issuer, subject, created, expires, request, state, state_at,
                        detail) VALUES (?1, ?2, 'acme', 'i', 'sub-alice', ?3, 9999999999999, ?4, 'pending', 1, ?5)",
                    params![id, "0".repeat(63) + &n.to_string(), n, request, pending],
                )
                .unwrap();
        }
        drop(older);
        let clock = Clock::fixed(Timestamp::from_millis(1_700_000_000_000));
        let store = Sqlite::open(&path, clock).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let found = |text: Option<&str>, tool: Option<&str>| {
            let (text, tool) = (text.map(str::to_owned), tool.map(str::to_owned));
            let filter = ApprovalFilter {
                tenant: Some("acme".to_owned()),
                state: Some(StateKind::Pending),
                text,
                tool,
                ..Default::default()
            };
            let found = runtime.block_on(store.approvals(filter, 10)).unwrap();
            found.into_iter().map(|approval| approval.id).collect::<Vec<_>>()
        };
        for text in ["éva", "order::\"o-1\"", "SUB-ALICE", "close", &whole.to_string()] {
            assert_eq!(found(Some(text), None), [whole], "{text}");
        }
        assert_eq!(found(None, Some("close")), [whole]);
        assert_eq!(found(None, None), [whole]);
        assert_eq!(found(Some("nowhere"), None), []);
    }
}
