use crate::approval::{Approval, ApprovalId, CastVote, NewApproval, Party, State};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::StoreError;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// What never changes about a request, as the `request` column holds it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    requester: Party,
    tool: String,
    contract: Digest,
    resource: Value,
    arguments: Value,
    exact: Value,
    preview: Option<Value>,
    risk: String,
    asked_by: String,
    by: String,
    quorum: u32,
    allow_requester: bool,
}

/// Writes a new pending request.
pub(super) fn insert(
    conn: &Connection,
    new: NewApproval,
    now: Timestamp,
) -> Result<Approval, StoreError> {
    let request = Request {
        requester: new.requester,
        tool: new.tool,
        contract: new.contract,
        resource: new.resource,
        arguments: new.arguments,
        exact: new.exact,
        preview: new.preview,
        risk: new.risk,
        asked_by: new.asked_by,
        by: new.by,
        // A quorum of nobody would be an approval by nobody.
        quorum: new.quorum.max(1),
        allow_requester: new.allow_requester,
    };
    let id = ApprovalId::random();
    let expires = now.plus_millis(millis(new.expires_in_ms));
    let state = State::Pending;
    conn.prepare_cached(
        "INSERT INTO approvals (id, effect, tenant, issuer, subject, created, expires, request, state, state_at, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?6, ?10)",
    )?
    .execute(params![
        id.to_string(),
        new.effect.to_hex(),
        request.requester.tenant,
        request.requester.issuer,
        request.requester.subject,
        now.millis(),
        expires.millis(),
        json(&request)?,
        state.kind().as_str(),
        json(&state)?,
    ])?;
    Ok(assemble(id, new.effect, request, now, expires, Vec::new(), state, None))
}

/// Moves a request along: by compare-and-set on the state it was seen in.
pub(super) fn advance(
    conn: &Connection,
    seen: &Approval,
    next: &State,
    now: Timestamp,
) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE approvals SET state = ?1, detail = ?2, state_at = ?3 WHERE id = ?4 AND effect = ?5 AND state = ?6",
        )?
        .execute(params![
            next.kind().as_str(),
            json(next)?,
            now.millis(),
            seen.id.to_string(),
            seen.effect.to_hex(),
            seen.state.kind().as_str(),
        ])?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Raced) }
}

/// Writes a vote. The key allows each person one.
pub(super) fn insert_vote(
    conn: &Connection,
    approval: &Approval,
    vote: &CastVote,
) -> Result<(), StoreError> {
    let nth = i64::try_from(approval.votes.len()).unwrap_or(i64::MAX);
    conn.prepare_cached("INSERT INTO votes (approval, person, nth, vote) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![approval.id.to_string(), vote.person, nth, json(vote)?])?;
    Ok(())
}

const COLUMNS: &str = "id, effect, created, expires, request, detail, answer, state";

/// The requests that `rest` (a `WHERE` clause and what follows) selects, as they are written, answers included.
pub(super) fn select(
    conn: &Connection,
    rest: &str,
    values: impl Params,
) -> Result<Vec<Approval>, StoreError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {COLUMNS} FROM approvals WHERE {rest}"))?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(conn, row)?);
    }
    Ok(found)
}

/// The request called `id`, as it is written.
pub(super) fn load(conn: &Connection, id: &ApprovalId) -> Result<Option<Approval>, StoreError> {
    Ok(select(conn, "id = ?1", [id.to_string()])?.pop())
}

fn read(conn: &Connection, row: &Row<'_>) -> Result<Approval, StoreError> {
    let id: String = row.get(0)?;
    let effect: String = row.get(1)?;
    let state: State = parse(&row.get::<_, String>(5)?)?;
    if state.kind().as_str() != row.get::<_, String>(7)? {
        return Err(damaged("an approval has two states"));
    }
    let answer = row.get::<_, Option<String>>(6)?.map(|text| parse(&text)).transpose()?;
    let votes = votes(conn, &id)?;
    Ok(assemble(
        id.parse().map_err(|_| damaged("an approval has no id"))?,
        Digest::from_hex(&effect).ok_or_else(|| damaged("an approval has no effect"))?,
        parse(&row.get::<_, String>(4)?)?,
        Timestamp::from_millis(row.get(2)?),
        Timestamp::from_millis(row.get(3)?),
        votes,
        state,
        answer,
    ))
}

fn votes(conn: &Connection, id: &str) -> Result<Vec<CastVote>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT vote FROM votes WHERE approval = ?1 ORDER BY nth")?;
    let mut rows = statement.query([id])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(parse(&row.get::<_, String>(0)?)?);
    }
    Ok(found)
}

#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
fn assemble(
    id: ApprovalId,
    effect: Digest,
    request: Request,
    created: Timestamp,
    expires: Timestamp,
    votes: Vec<CastVote>,
    state: State,
    answer: Option<Value>,
) -> Approval {
    Approval {
        id,
        effect,
        requester: request.requester,
        tool: request.tool,
        contract: request.contract,
        resource: request.resource,
        arguments: request.arguments,
        exact: request.exact,
        preview: request.preview,
        risk: request.risk,
        asked_by: request.asked_by,
        by: request.by,
        quorum: request.quorum,
        allow_requester: request.allow_requester,
        created,
        expires,
        votes,
        state,
        answer,
    }
}

/// The first column of the first row, if there is one.
pub(super) fn first<T: rusqlite::types::FromSql>(
    conn: &Connection,
    sql: &str,
    values: impl Params,
) -> Result<Option<T>, StoreError> {
    Ok(conn.prepare_cached(sql)?.query_row(values, |r| r.get(0)).optional()?)
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Internal(e.to_string()))
}

pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    // The reader's message may quote what is stored, so it stays out.
    serde_json::from_str(text).map_err(|e| damaged(&format!("unreadable at column {}", e.column())))
}

pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}

/// A length of time that the arithmetic of [`Timestamp`] takes.
pub(super) fn millis(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
