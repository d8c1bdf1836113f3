use super::fault::Fault;
use super::pool::{Tx, Value};
use crate::approval::{Approval, ApprovalId, CastVote, NewApproval, State};
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::listing::{Bound, Page, read_place, sought};
use crate::store::row::{
    APPROVAL_COLUMNS, ApprovalRow, RUN_COLUMNS, Request, RunRow, assemble, json, millis, parse,
};
use std::collections::HashMap;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSqlOwned, Type};

pub(super) const TEXT: Type = Type::TEXT;
pub(super) const INT: Type = Type::INT8;
pub(super) const BYTES: Type = Type::BYTEA;
pub(super) const FLAG: Type = Type::BOOL;

/// Whether rows that are read will be changed: then nobody else changes them until this transaction is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    Hold,
    None,
}

impl Lock {
    const fn clause(self) -> &'static str {
        match self {
            Self::Hold => "FOR UPDATE",
            Self::None => "",
        }
    }
}

/// Writes a new pending request, with a notice where it is announced. `None` where another replica has just made one for this effect.
pub(super) async fn insert(tx: &Tx<'_>, new: NewApproval) -> Result<Option<Approval>, Fault> {
    let (effect, expires_in_ms) = (new.effect, new.expires_in_ms);
    let request = Request::from(new);
    let id = ApprovalId::random();
    let expires = tx.now.plus_millis(millis(expires_in_ms));
    let state = State::Pending;
    let inserted = tx
        .execute(
            "WITH made AS (
                INSERT INTO mcp_secure.approvals (id, effect, tenant, issuer, subject, created, expires, request, state,
                    state_at, detail, tool, task, announce)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $6, $10, $11, $12, $13) ON CONFLICT DO NOTHING
                RETURNING tenant, created, id, state, expires, tool, task, announce),
             told AS (
                INSERT INTO mcp_secure.notices (approval, state, at, due)
                SELECT id, state, created, created FROM made WHERE announce)
             INSERT INTO mcp_secure.approval_search (tenant, created, id, state, expires, tool, task, text)
             SELECT tenant, created, id, state, expires, tool, task, $14 FROM made",
            &[
                (&id.to_string(), TEXT),
                (&effect.to_hex(), TEXT),
                (&request.requester.tenant, TEXT),
                (&request.requester.issuer, TEXT),
                (&request.requester.subject, TEXT),
                (&tx.now.millis(), INT),
                (&expires.millis(), INT),
                (&json(&request)?, TEXT),
                (&state.kind().as_str(), TEXT),
                (&json(&state)?, TEXT),
                (&request.tool, TEXT),
                (&request.task, FLAG),
                (&request.announce, FLAG),
                (&sought(&id, &request), TEXT),
            ],
        )
        .await?;
    Ok((inserted == 1).then(|| assemble(id, effect, request, (tx.now, expires), state)))
}

/// Moves a request along: by compare-and-set on the state it was seen in. Where it is announced, with a notice.
pub(super) async fn advance(tx: &Tx<'_>, seen: &Approval, next: &State) -> Result<(), Fault> {
    // One statement, and so one trip, whether or not it is announced.
    let moved = tx
        .query(
            "WITH moved AS (
                UPDATE mcp_secure.approvals SET state = $1, detail = $2, state_at = $3
                WHERE id = $4 AND effect = $5 AND state = $6 RETURNING tenant, created, id, announce),
             found AS (
                UPDATE mcp_secure.approval_search AS s SET state = $1 FROM moved AS m
                WHERE s.tenant = m.tenant AND s.created = m.created AND s.id = m.id),
             told AS (
                INSERT INTO mcp_secure.notices (approval, state, at, due)
                SELECT id, $1, $3, $3 FROM moved WHERE announce)
             SELECT id FROM moved",
            &[
                (&next.kind().as_str(), TEXT),
                (&json(next)?, TEXT),
                (&tx.now.millis(), INT),
                (&seen.id.to_string(), TEXT),
                (&seen.effect.to_hex(), TEXT),
                (&seen.state.kind().as_str(), TEXT),
            ],
        )
        .await?;
    if moved.len() == 1 { Ok(()) } else { Err(StoreError::Raced.into()) }
}

/// Writes a vote. The key allows each person one.
pub(super) async fn insert_vote(
    tx: &Tx<'_>,
    approval: &Approval,
    vote: &CastVote,
) -> Result<(), Fault> {
    let nth = i64::try_from(approval.votes.len()).unwrap_or(i64::MAX);
    tx.execute(
        "INSERT INTO mcp_secure.votes (approval, person, nth, vote) VALUES ($1, $2, $3, $4)",
        &[
            (&approval.id.to_string(), TEXT),
            (&vote.person, TEXT),
            (&nth, INT),
            (&json(vote)?, TEXT),
        ],
    )
    .await?;
    Ok(())
}

/// The requests that `rest` (a `WHERE` clause and what follows) selects, as they are written, answers included.
pub(super) async fn select(
    tx: &Tx<'_>,
    rest: &str,
    values: &[Value<'_>],
    lock: Lock,
) -> Result<Vec<Approval>, Fault> {
    let sql = format!(
        "SELECT {APPROVAL_COLUMNS} FROM mcp_secure.approvals WHERE {rest} {}",
        lock.clause()
    );
    let found = voted(tx, &sql, values).await?;
    found.into_iter().map(|(row, votes)| Ok(row.approval(votes?)?)).collect()
}

/// A row, and the votes on it where they can be read.
type Voted = (ApprovalRow, Result<Vec<CastVote>, StoreError>);

fn value(bound: &Bound) -> Value<'_> {
    match bound {
        Bound::Text(text) => (text, TEXT),
        Bound::Number(number) => (number, INT),
    }
}

/// The rows of a page of a list.
pub(super) async fn page(tx: &Tx<'_>, page: &Page) -> Result<Vec<Voted>, Fault> {
    let values: Vec<Value<'_>> = page.values.iter().map(value).collect();
    voted(tx, &page.sql, &values).await
}

/// The place that [`listing::nth`](crate::store::listing::nth) asks for.
pub(super) async fn place(
    tx: &Tx<'_>,
    page: &Page,
) -> Result<Option<(Timestamp, ApprovalId)>, Fault> {
    let values: Vec<Value<'_>> = page.values.iter().map(value).collect();
    match tx.query(&page.sql, &values).await?.first() {
        Some(row) => Ok(read_place(get(row, 0)?, &get::<String>(row, 1)?)),
        None => Ok(None),
    }
}

async fn voted(tx: &Tx<'_>, sql: &str, values: &[Value<'_>]) -> Result<Vec<Voted>, Fault> {
    let mut found = Vec::new();
    for row in tx.query(sql, values).await? {
        let row = ApprovalRow {
            id: get(&row, 0)?,
            effect: get(&row, 1)?,
            created: get(&row, 2)?,
            expires: get(&row, 3)?,
            request: get(&row, 4)?,
            detail: get(&row, 5)?,
            answer: get(&row, 6)?,
            state: get(&row, 7)?,
        };
        found.push(row);
    }
    let mut votes: HashMap<String, Vec<String>> = HashMap::new();
    if !found.is_empty() {
        let ids: Vec<&str> = found.iter().map(|row| row.id.as_str()).collect();
        let sql = "SELECT approval, vote FROM mcp_secure.votes WHERE approval = ANY($1) ORDER BY approval, nth";
        for row in tx.query(sql, &[(&ids, Type::TEXT_ARRAY)]).await? {
            votes.entry(get(&row, 0)?).or_default().push(get(&row, 1)?);
        }
    }
    let votes_on = |row: ApprovalRow| {
        let cast = votes.remove(&row.id).unwrap_or_default();
        let read = cast.iter().map(|vote| parse(vote)).collect();
        (row, read)
    };
    Ok(found.into_iter().map(votes_on).collect())
}

/// The request called `id`, as it is written.
pub(super) async fn load(
    tx: &Tx<'_>,
    id: &ApprovalId,
    lock: Lock,
) -> Result<Option<Approval>, Fault> {
    Ok(select(tx, "id = $1", &[(&id.to_string(), TEXT)], lock).await?.pop())
}

/// The runs that `rest` (a `WHERE` clause and what follows) selects.
pub(super) async fn runs(
    tx: &Tx<'_>,
    rest: &str,
    values: &[Value<'_>],
    lock: Lock,
) -> Result<Vec<RunRow>, Fault> {
    let sql = format!("SELECT {RUN_COLUMNS} FROM mcp_secure.runs WHERE {rest} {}", lock.clause());
    tx.query(&sql, values).await?.iter().map(run_row).collect()
}

/// The run called `id`.
pub(super) async fn run(tx: &Tx<'_>, id: &str, lock: Lock) -> Result<Option<RunRow>, Fault> {
    Ok(runs(tx, "run_id = $1", &[(&id, TEXT)], lock).await?.pop())
}

/// A row of [`RUN_COLUMNS`].
pub(super) fn run_row(row: &Row) -> Result<RunRow, Fault> {
    Ok(RunRow {
        fence: get(row, 0)?,
        run_id: get(row, 1)?,
        approval: get(row, 2)?,
        run: get(row, 3)?,
        started: get(row, 4)?,
        lease_until: get(row, 5)?,
        state: get(row, 6)?,
        finished: get(row, 7)?,
        outcome: get(row, 8)?,
        late: get(row, 9)?,
        compensates: get(row, 10)?,
        rollback: get(row, 11)?,
        rollback_until: get(row, 12)?,
        taken_by: get(row, 13)?,
        key_arguments: get(row, 14)?,
        key_window: get(row, 15)?,
        key_until: get(row, 16)?,
        answer: get(row, 17)?,
    })
}

pub(super) fn get<T: FromSqlOwned>(row: &Row, column: usize) -> Result<T, Fault> {
    // Types are said in every statement, so this is a table that is not ours.
    row.try_get(column)
        .map_err(|_| Fault::Final(StoreError::Corrupt("a column is of another type".to_owned())))
}
