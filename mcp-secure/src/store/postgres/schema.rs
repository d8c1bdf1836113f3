use super::fault::Fault;
use super::pool::{Lent, Pool, READ_COMMITTED};
use super::rows::{INT, TEXT, get};
use crate::store::StoreError;
use crate::store::listing::sought;
use crate::store::row::{Request, parse, unreadable_approval};
use std::time::Duration;
use tokio_postgres::types::Type;

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
", "
ALTER TABLE mcp_secure.approvals ADD COLUMN tool TEXT NOT NULL DEFAULT '';
ALTER TABLE mcp_secure.approvals ADD COLUMN task BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE mcp_secure.approvals ADD COLUMN announce BOOLEAN NOT NULL DEFAULT false;
DROP INDEX mcp_secure.approvals_by_tenant;
CREATE INDEX approvals_by_tenant ON mcp_secure.approvals (tenant, created, id, tool);
CREATE INDEX approvals_by_tenant_state ON mcp_secure.approvals (tenant, state, created, id, expires, tool);
CREATE INDEX approvals_of_tasks ON mcp_secure.approvals (state, created, id, expires) WHERE task;

CREATE TABLE mcp_secure.approval_search (
    tenant TEXT NOT NULL,
    created BIGINT NOT NULL,
    id TEXT NOT NULL REFERENCES mcp_secure.approvals (id),
    state TEXT NOT NULL,
    expires BIGINT NOT NULL,
    tool TEXT NOT NULL,
    task BOOLEAN NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (tenant, created, id)
);

CREATE TABLE mcp_secure.tickets (
    kind TEXT NOT NULL,
    digest BYTEA NOT NULL,
    content TEXT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (kind, digest)
);
CREATE INDEX tickets_by_end ON mcp_secure.tickets (expires);

CREATE TABLE mcp_secure.notices (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    approval TEXT NOT NULL REFERENCES mcp_secure.approvals (id),
    state TEXT NOT NULL,
    at BIGINT NOT NULL,
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    progress TEXT NOT NULL DEFAULT 'null'
);
CREATE INDEX notices_by_approval ON mcp_secure.notices (approval);
CREATE INDEX notices_by_due ON mcp_secure.notices (due, number);
", "
DROP INDEX mcp_secure.approvals_by_effect;
CREATE INDEX approvals_by_effect ON mcp_secure.approvals (effect, state, state_at);
"];

/// The entry after which older requests are made findable.
const LISTS: usize = 2;
/// How many of them at a time.
const FOUND: i64 = 1000;

/// Held for as long as one replica changes the schema: "mcps" in ASCII.
const LOCK: i64 = 0x6d63_7073;
/// Where the lock is no lock, as in some databases that only speak the protocol, the second replica fails and looks again.
const ATTEMPTS: u32 = 5;

/// Brings the database to the present version, or refuses it.
pub(super) async fn migrate(pool: &Pool) -> Result<(), StoreError> {
    let mut attempt = 1;
    loop {
        let lent = pool.lend().await.map_err(Fault::into_error)?;
        match step(pool, &lent).await {
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

async fn step(pool: &Pool, lent: &Lent<'_>) -> Result<(), Fault> {
    let client = lent.client();
    let durable = client.query_typed("SELECT current_setting('synchronous_commit')", &[]).await?;
    if durable.first().is_some_and(|row| row.try_get::<_, &str>(0).is_ok_and(|v| v == "off")) {
        return Err(Fault::Final(StoreError::Setting(
            "the database acknowledges what it has not written: set `synchronous_commit` to `on`"
                .to_owned(),
        )));
    }
    let isolation = client.query_typed("SHOW default_transaction_isolation", &[]).await?;
    if let Some(row) = isolation.first() {
        pool.isolated(&get::<String>(row, 0)?);
    }
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    // Looked at before anything is locked or made: a user without the right to make tables may serve.
    if version(lent).await? == Some(known) {
        return Ok(());
    }
    client
        .batch_execute(&format!("{READ_COMMITTED}; SELECT pg_advisory_xact_lock({LOCK})"))
        .await?;
    let found = version(lent).await?.unwrap_or(0);
    let done = usize::try_from(found).ok().filter(|_| found <= known);
    let Some(done) = done else {
        return Err(Fault::Final(StoreError::Version { found, known }));
    };
    for (at, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        client.batch_execute(migration).await?;
        if at == LISTS {
            make_findable(lent).await?;
        }
    }
    client
        .batch_execute(&format!(
            "UPDATE mcp_secure.meta SET value = {known} WHERE key = 'version'; COMMIT"
        ))
        .await?;
    Ok(())
}

/// Writes down the tool and the text of requests of an older release. Not in SQL, which lowers what the locale knows and
/// ends at the first request that can not be read.
async fn make_findable(lent: &Lent<'_>) -> Result<(), Fault> {
    let (client, mut last) = (lent.client(), String::new());
    loop {
        let sql = "SELECT id, request FROM mcp_secure.approvals WHERE id > $1 ORDER BY id LIMIT $2";
        let rows = client.query_typed(sql, &[(&last, TEXT), (&FOUND, INT)]).await?;
        let (mut ids, mut tools, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for row in &rows {
            let id: String = get(row, 0)?;
            match (id.parse(), parse::<Request>(&get::<String>(row, 1)?)) {
                (Ok(parsed), Ok(request)) if !request.tool.contains('\0') => {
                    texts.push(sought(&parsed, &request));
                    tools.push(request.tool);
                    ids.push(id.clone());
                }
                _ => unreadable_approval(&id, "no search will find it"),
            }
            last = id;
        }
        client
            .execute_typed(
                "WITH named AS (UPDATE mcp_secure.approvals AS a SET tool = n.tool
                    FROM unnest($1::text[], $2::text[], $3::text[]) AS n (id, tool, text)
                    WHERE a.id = n.id
                    RETURNING a.tenant, a.created, a.id, a.state, a.expires, a.tool, a.task, n.text)
                 INSERT INTO mcp_secure.approval_search (tenant, created, id, state, expires, tool, task, text)
                 SELECT tenant, created, id, state, expires, tool, task, text FROM named",
                &[(&ids, Type::TEXT_ARRAY), (&tools, Type::TEXT_ARRAY), (&texts, Type::TEXT_ARRAY)],
            )
            .await?;
        if rows.is_empty() {
            return Ok(());
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{ApprovalId, StateKind};
    use crate::store::{ApprovalFilter, Postgres, PostgresOptions, Store as _};
    use mcp_secure_test_postgres::Server;

    /// A request as an older release wrote it.
    const REQUEST: &str = r#"{"requester":{"issuer":"i","subject":"sub-alice","tenant":"acme","person":"ÉVA","actors":[],
        "client":"agent","method":"bearer"},"tool":"close","contract":
        "0000000000000000000000000000000000000000000000000000000000000000","resource":["Order::\"O-1\""],"arguments":
        {"nul":"\u0000"},"exact":{},"preview":null,"risk":"high","asked_by":"x","by":"y","quorum":1,
        "allow_requester":false}"#;

    #[tokio::test]
    async fn requests_of_an_older_release_are_found_and_one_that_cannot_be_read_stops_nothing() {
        let server = Server::shared();
        let database = server.database();
        for step in &MIGRATIONS[..LISTS] {
            server.sql(&database, step);
        }
        let sql = format!("UPDATE mcp_secure.meta SET value = {LISTS} WHERE key = 'version'");
        server.sql(&database, &sql);
        let whole = ApprovalId::random();
        for (n, id, request) in [
            (1, whole.to_string(), REQUEST),
            (2, ApprovalId::random().to_string(), "{"),
            (3, "no id".to_owned(), REQUEST),
        ] {
            let sql = format!(
                "INSERT INTO mcp_secure.approvals (id, effect, tenant, issuer, subject, created, expires, request, state,
                    state_at, detail) VALUES ('{id}', '{n:0>64}', 'acme', 'i', 'sub-alice', {n}, 9999999999999, '{request}',
                    'pending', 1, '{{\"state\":\"pending\"}}')"
            );
            server.sql(&database, &sql);
        }
        // More than are looked at in one go, from before the others.
        let many = format!(
            "INSERT INTO mcp_secure.approvals (id, effect, tenant, issuer, subject, created, expires, request, state,
                state_at, detail) SELECT 'apr_' || md5(n::text), md5(n::text) || md5(n::text), 'globex', 'i', 'sub', n, n,
                '{REQUEST}', 'pending', 1, '{{\"state\":\"pending\"}}' FROM generate_series(1, {}) AS n",
            2 * FOUND
        );
        server.sql(&database, &many);
        let options = PostgresOptions::new(&server.connection(&database)).unwrap();
        let store = Postgres::open(&options).await.unwrap();
        let found = async |text: Option<&str>, tool: Option<&str>| {
            let (text, tool) = (text.map(str::to_owned), tool.map(str::to_owned));
            let filter = ApprovalFilter {
                tenant: Some("acme".to_owned()),
                state: Some(StateKind::Pending),
                text,
                tool,
                ..Default::default()
            };
            let found = store.approvals(filter, 10).await.unwrap();
            found.into_iter().map(|approval| approval.id).collect::<Vec<_>>()
        };
        for text in ["éva", "order::\"o-1\"", "SUB-ALICE", "close", &whole.to_string()] {
            assert_eq!(found(Some(text), None).await, [whole], "{text}");
        }
        assert_eq!(found(None, Some("close")).await, [whole]);
        assert_eq!(found(None, None).await, [whole]);
        assert_eq!(found(Some("nowhere"), None).await, []);
        let count = "SELECT count(*) FROM mcp_secure.approval_search";
        assert_eq!(server.sql(&database, count), (2 * FOUND + 1).to_string());
    }
}
