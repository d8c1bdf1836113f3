use crate::store::StoreError;
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
ALTER TABLE approvals ADD COLUMN sought TEXT NOT NULL DEFAULT '';
ALTER TABLE approvals ADD COLUMN task INTEGER NOT NULL DEFAULT 0;
ALTER TABLE approvals ADD COLUMN announce INTEGER NOT NULL DEFAULT 0;
UPDATE approvals SET tool = json_extract(request, '$.tool'), sought = lower(id || ' ' || json_extract(request, '$.tool')
    || ' ' || json_extract(request, '$.resource') || ' ' || subject || ' '
    || coalesce(json_extract(request, '$.requester.person'), ''));
CREATE INDEX approvals_by_tenant_state ON approvals (tenant, state, created);
CREATE INDEX approvals_for_tasks ON approvals (created) WHERE task = 1 AND state = 'approved';

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
"];

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
    for step in MIGRATIONS.iter().skip(done) {
        tx.execute_batch(step)?;
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
}
