use super::notices;
use crate::approval::{Approval, ApprovalId, CastVote, NewApproval, State};
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::listing::{Bound, Page, read_place, sought};
use crate::store::row::{
    APPROVAL_COLUMNS, ApprovalRow, RUN_COLUMNS, Request, RunRow, assemble, json, millis, parse,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Params, params, params_from_iter};

/// Writes a new pending request.
pub(super) fn insert(
    conn: &Connection,
    new: NewApproval,
    now: Timestamp,
) -> Result<Approval, StoreError> {
    let (effect, expires_in_ms) = (new.effect, new.expires_in_ms);
    let request = Request::from(new);
    let id = ApprovalId::random();
    let expires = now.plus_millis(millis(expires_in_ms));
    let state = State::Pending;
    let name = id.to_string();
    conn.prepare_cached(
        "INSERT INTO approvals (id, effect, tenant, issuer, subject, created, expires, request, state, state_at, detail,
            tool, task, announce)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?6, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        name,
        effect.to_hex(),
        request.requester.tenant,
        request.requester.issuer,
        request.requester.subject,
        now.millis(),
        expires.millis(),
        json(&request)?,
        state.kind().as_str(),
        json(&state)?,
        request.tool,
        request.task,
        request.announce,
    ])?;
    make_findable(conn, &name, &sought(&id, &request))?;
    if request.announce {
        notices::leave(conn, &name, state.kind(), now)?;
    }
    Ok(assemble(id, effect, request, (now, expires), state))
}

/// Lets searches find the request called `id` by `text`.
pub(super) fn make_findable(conn: &Connection, id: &str, text: &str) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO approval_search (tenant, created, id, state, expires, tool, task, text)
         SELECT tenant, created, id, state, expires, tool, task, ?2 FROM approvals WHERE id = ?1",
    )?
    .execute([id, text])?;
    Ok(())
}

/// Moves a request along: by compare-and-set on the state it was seen in.
pub(super) fn advance(
    conn: &Connection,
    seen: &Approval,
    next: &State,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (state, id) = (next.kind().as_str(), seen.id.to_string());
    let announce = first::<bool>(
        conn,
        "UPDATE approvals SET state = ?1, detail = ?2, state_at = ?3 WHERE id = ?4 AND effect = ?5 AND state = ?6
         RETURNING announce",
        params![
            state,
            json(next)?,
            now.millis(),
            id,
            seen.effect.to_hex(),
            seen.state.kind().as_str(),
        ],
    )?;
    let announce = announce.ok_or(StoreError::Raced)?;
    conn.prepare_cached(
        "UPDATE approval_search SET state = ?1 WHERE tenant = ?2 AND created = ?3 AND id = ?4",
    )?
    .execute(params![state, seen.requester.tenant, seen.created.millis(), id])?;
    if announce {
        notices::leave(conn, &id, next.kind(), now)?;
    }
    Ok(())
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

/// The requests that `rest` (a `WHERE` clause and what follows) selects, as they are written, answers included.
pub(super) fn select(
    conn: &Connection,
    rest: &str,
    values: impl Params,
) -> Result<Vec<Approval>, StoreError> {
    let sql = format!("SELECT {APPROVAL_COLUMNS} FROM approvals WHERE {rest}");
    approvals(conn, &sql, values)?.into_iter().map(|row| voted(conn, row)).collect()
}

/// The rows of a page of a list.
pub(super) fn page(conn: &Connection, page: &Page) -> Result<Vec<ApprovalRow>, StoreError> {
    approvals(conn, &page.sql, params_from_iter(page.values.iter().map(value)))
}

/// The place that [`listing::nth`](crate::store::listing::nth) asks for.
pub(super) fn place(
    conn: &Connection,
    page: &Page,
) -> Result<Option<(Timestamp, ApprovalId)>, StoreError> {
    let mut statement = conn.prepare_cached(&page.sql)?;
    let values = params_from_iter(page.values.iter().map(value));
    let found = statement.query_row(values, |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
    Ok(found.optional()?.and_then(|(created, id)| read_place(created, &id)))
}

fn value(bound: &Bound) -> Value {
    match bound {
        Bound::Text(text) => Value::Text(text.clone()),
        Bound::Number(number) => Value::Integer(*number),
    }
}

fn approvals(
    conn: &Connection,
    sql: &str,
    values: impl Params,
) -> Result<Vec<ApprovalRow>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| {
        Ok(ApprovalRow {
            id: row.get(0)?,
            effect: row.get(1)?,
            created: row.get(2)?,
            expires: row.get(3)?,
            request: row.get(4)?,
            detail: row.get(5)?,
            answer: row.get(6)?,
            state: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The request called `id`, as it is written.
pub(super) fn load(conn: &Connection, id: &ApprovalId) -> Result<Option<Approval>, StoreError> {
    Ok(select(conn, "id = ?1", [id.to_string()])?.pop())
}

/// The request that a row holds, with its votes.
pub(super) fn voted(conn: &Connection, row: ApprovalRow) -> Result<Approval, StoreError> {
    let votes = votes(conn, &row.id)?;
    row.approval(votes)
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

/// The first column of the first row, if there is one.
pub(super) fn first<T: rusqlite::types::FromSql>(
    conn: &Connection,
    sql: &str,
    values: impl Params,
) -> Result<Option<T>, StoreError> {
    Ok(conn
        .prepare_cached(sql)?
        .query_row(values, |r| r.get::<_, Option<T>>(0))
        .optional()?
        .flatten())
}

/// The runs that `rest` (a `WHERE` clause and what follows) selects.
pub(super) fn runs(
    conn: &Connection,
    rest: &str,
    values: impl Params,
) -> Result<Vec<RunRow>, StoreError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {RUN_COLUMNS} FROM runs WHERE {rest}"))?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(RunRow {
            fence: row.get(0)?,
            run_id: row.get(1)?,
            approval: row.get(2)?,
            run: row.get(3)?,
            started: row.get(4)?,
            lease_until: row.get(5)?,
            state: row.get(6)?,
            finished: row.get(7)?,
            outcome: row.get(8)?,
            late: row.get(9)?,
            compensates: row.get(10)?,
            rollback: row.get(11)?,
            rollback_until: row.get(12)?,
            taken_by: row.get(13)?,
            key_arguments: row.get(14)?,
            key_window: row.get(15)?,
            key_until: row.get(16)?,
            answer: row.get(17)?,
        });
    }
    Ok(found)
}

/// The run called `id`.
pub(super) fn run(conn: &Connection, id: &str) -> Result<Option<RunRow>, StoreError> {
    Ok(runs(conn, "run_id = ?1", [id])?.pop())
}
