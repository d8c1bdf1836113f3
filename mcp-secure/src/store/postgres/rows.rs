use super::fault::Fault;
use super::pool::{Tx, Value};
use crate::approval::{Approval, ApprovalId, CastVote, NewApproval, State};
use crate::store::StoreError;
use crate::store::row::{
    APPROVAL_COLUMNS, ApprovalRow, RUN_COLUMNS, Request, RunRow, assemble, json, millis, parse,
};
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

/// Writes a new pending request. `None` where another replica has just made one for this effect.
pub(super) async fn insert(tx: &Tx<'_>, new: NewApproval) -> Result<Option<Approval>, Fault> {
    let (effect, expires_in_ms) = (new.effect, new.expires_in_ms);
    let request = Request::from(new);
    let id = ApprovalId::random();
    let expires = tx.now.plus_millis(millis(expires_in_ms));
    let state = State::Pending;
    let inserted = tx
        .execute(
            "INSERT INTO mcp_secure.approvals
                (id, effect, tenant, issuer, subject, created, expires, request, state, state_at, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $6, $10) ON CONFLICT DO NOTHING",
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
            ],
        )
        .await?;
    Ok((inserted == 1).then(|| assemble(id, effect, request, (tx.now, expires), state)))
}

/// Moves a request along: by compare-and-set on the state it was seen in.
pub(super) async fn advance(tx: &Tx<'_>, seen: &Approval, next: &State) -> Result<(), Fault> {
    let changed = tx
        .execute(
            "UPDATE mcp_secure.approvals SET state = $1, detail = $2, state_at = $3
             WHERE id = $4 AND effect = $5 AND state = $6",
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
    if changed == 1 { Ok(()) } else { Err(StoreError::Raced.into()) }
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
    let mut found = Vec::new();
    for row in tx.query(&sql, values).await? {
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
    let ids: Vec<&str> = found.iter().map(|row| row.id.as_str()).collect();
    let mut votes = votes(tx, &ids).await?;
    found
        .into_iter()
        .map(|row| {
            let cast = votes.remove(&row.id).unwrap_or_default();
            Ok(row.approval(cast)?)
        })
        .collect()
}

async fn votes(
    tx: &Tx<'_>,
    ids: &[&str],
) -> Result<std::collections::HashMap<String, Vec<CastVote>>, Fault> {
    let mut found: std::collections::HashMap<String, Vec<CastVote>> =
        std::collections::HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let sql = "SELECT approval, vote FROM mcp_secure.votes WHERE approval = ANY($1) ORDER BY approval, nth";
    for row in tx.query(sql, &[(&ids, Type::TEXT_ARRAY)]).await? {
        let vote = parse(&get::<String>(&row, 1)?)?;
        found.entry(get(&row, 0)?).or_default().push(vote);
    }
    Ok(found)
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
