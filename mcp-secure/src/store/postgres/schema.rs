use super::fault::Fault;
use super::pool::{Lent, Pool};
use crate::store::StoreError;
use std::time::Duration;

/// One entry per version, applied in order and never edited once released. The same tables as in the file, in a schema
/// of their own; nothing but standard types, so that databases that speak PostgreSQL's protocol serve too.
const MIGRATIONS: &[&str] = &["
CREATE SCHEMA IF NOT EXISTS mcp_secure;
CREATE TABLE IF NOT EXISTS mcp_secure.meta (key TEXT PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO mcp_secure.meta (key, value) VALUES ('time', 0), ('version', 0);

CREATE TABLE mcp_secure.approvals (
    id TEXT PRIMARY KEY,
    effect TEXT NOT NULL,
    tenant TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'running', 'done', 'failed', 'in_doubt', 'denied',
        'expired', 'withdrawn', 'void')),
    state_at BIGINT NOT NULL,
    detail TEXT NOT NULL,
    answer TEXT,
    told BOOLEAN NOT NULL DEFAULT false,
    heard BOOLEAN NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX approvals_standing ON mcp_secure.approvals (effect)
    WHERE state IN ('pending', 'approved', 'running', 'in_doubt');
CREATE INDEX approvals_by_effect ON mcp_secure.approvals (effect, state_at);
CREATE INDEX approvals_by_state ON mcp_secure.approvals (state, expires);
CREATE INDEX approvals_by_requester ON mcp_secure.approvals (issuer, subject, tenant, state);
CREATE INDEX approvals_by_tenant ON mcp_secure.approvals (tenant, created);
CREATE INDEX approvals_untold ON mcp_secure.approvals (id) WHERE state = 'expired' AND told = false;
CREATE INDEX approvals_with_answer ON mcp_secure.approvals (state_at) WHERE answer IS NOT NULL;

CREATE TABLE mcp_secure.votes (
    approval TEXT NOT NULL REFERENCES mcp_secure.approvals (id),
    person TEXT NOT NULL,
    nth BIGINT NOT NULL,
    vote TEXT NOT NULL,
    PRIMARY KEY (approval, person)
);

CREATE TABLE mcp_secure.runs (
    fence BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    approval TEXT REFERENCES mcp_secure.approvals (id),
    run TEXT NOT NULL,
    started BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'no_effect', 'in_doubt')),
    finished BIGINT,
    outcome TEXT,
    late TEXT,
    tenant TEXT NOT NULL,
    tool TEXT NOT NULL,
    key BYTEA,
    key_arguments BYTEA,
    key_window BIGINT,
    key_until BIGINT,
    answer TEXT,
    compensates TEXT,
    rollback TEXT,
    rollback_until BIGINT,
    taken_by TEXT,
    keep_until BIGINT
);
CREATE UNIQUE INDEX runs_by_key ON mcp_secure.runs (key) WHERE key IS NOT NULL;
CREATE INDEX runs_by_lease ON mcp_secure.runs (lease_until) WHERE state = 'running';
CREATE INDEX runs_in_doubt ON mcp_secure.runs (fence) WHERE state = 'in_doubt';
CREATE INDEX runs_to_drop ON mcp_secure.runs (keep_until) WHERE keep_until IS NOT NULL;

CREATE TABLE mcp_secure.buckets (bucket BYTEA PRIMARY KEY, filled BIGINT NOT NULL);
CREATE INDEX buckets_by_time ON mcp_secure.buckets (filled);

CREATE TABLE mcp_secure.switches (scope TEXT PRIMARY KEY, since BIGINT NOT NULL, by TEXT NOT NULL, reason TEXT);
", "
ALTER TABLE mcp_secure.runs ADD COLUMN lent_key BYTEA;
CREATE INDEX runs_by_lent_key ON mcp_secure.runs (lent_key) WHERE lent_key IS NOT NULL;
ALTER TABLE mcp_secure.runs ADD COLUMN tell_at BIGINT;
CREATE INDEX runs_to_tell ON mcp_secure.runs (tell_at) WHERE tell_at IS NOT NULL;
ALTER TABLE mcp_secure.approvals ADD COLUMN tell_at BIGINT;
"];

/// Held for as long as one replica changes the schema: "mcps" in ASCII.
const LOCK: i64 = 0x6d63_7073;
/// Where the lock is no lock, as in some databases that only speak the protocol, the second replica fails and looks again.
const ATTEMPTS: u32 = 5;

/// Brings the database to the present version, or refuses it.
pub(super) async fn migrate(pool: &Pool) -> Result<(), StoreError> {
    let mut attempt = 1;
    loop {
        let lent = pool.lend().await.map_err(Fault::into_error)?;
        match step(&lent).await {
            Ok(()) => {
                lent.give_back();
                return Ok(());
            }
            Err(Fault::Final(StoreError::Version { found, known })) => {
                return Err(StoreError::Version { found, known });
            }
            Err(fault) if attempt >= ATTEMPTS => return Err(fault.into_error()),
            Err(_) => {}
        }
        attempt += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn step(lent: &Lent<'_>) -> Result<(), Fault> {
    let client = lent.client();
    let durable = client.query_typed("SELECT current_setting('synchronous_commit')", &[]).await?;
    if durable.first().is_some_and(|row| row.try_get::<_, &str>(0).is_ok_and(|v| v == "off")) {
        return Err(Fault::Final(StoreError::Setting(
            "the database acknowledges what it has not written: set `synchronous_commit` to `on`"
                .to_owned(),
        )));
    }
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    // Looked at before anything is locked or made: a user without the right to make tables may serve.
    if version(lent).await? == Some(known) {
        return Ok(());
    }
    client.batch_execute(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})")).await?;
    let found = version(lent).await?.unwrap_or(0);
    let done = usize::try_from(found).ok().filter(|_| found <= known);
    let Some(done) = done else {
        return Err(Fault::Final(StoreError::Version { found, known }));
    };
    for migration in MIGRATIONS.iter().skip(done) {
        client.batch_execute(migration).await?;
    }
    client
        .batch_execute(&format!(
            "UPDATE mcp_secure.meta SET value = {known} WHERE key = 'version'; COMMIT"
        ))
        .await?;
    Ok(())
}

async fn version(lent: &Lent<'_>) -> Result<Option<i64>, Fault> {
    let client = lent.client();
    let there = client
        .query_typed(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = 'mcp_secure' AND table_name = 'meta'",
            &[],
        )
        .await?;
    if there.is_empty() {
        return Ok(None);
    }
    let rows =
        client.query_typed("SELECT value FROM mcp_secure.meta WHERE key = 'version'", &[]).await?;
    let version = rows.first().map(|row| row.try_get(0)).transpose()?;
    version.map(Some).ok_or_else(|| {
        Fault::Final(StoreError::Corrupt("the schema `mcp_secure` is not a store's".to_owned()))
    })
}
