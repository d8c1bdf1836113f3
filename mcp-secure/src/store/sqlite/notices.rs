//! Notices: changes that others are told of.

use super::worker::Tx;
use crate::approval::{ApprovalId, StateKind};
use crate::clock::Timestamp;
use crate::store::row::{damaged, json, millis, parse};
use crate::store::{Notice, NoticeEnd, StoreError};
use rusqlite::{Connection, Row, params};

/// Leaves a notice, in the transaction that makes the change.
pub(super) fn leave(
    conn: &Connection,
    approval: &str,
    state: StateKind,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO notices (approval, state, at, due) VALUES (?1, ?2, ?3, ?3)")?
        .execute(params![approval, state.as_str(), now.millis()])?;
    Ok(())
}

pub(super) fn due(tx: &Tx<'_>, limit: u32, hold_ms: u64) -> Result<Vec<Notice>, StoreError> {
    let mut statement = tx.conn.prepare_cached(
        "UPDATE notices SET due = ?1, attempts = attempts + 1 WHERE number IN
            (SELECT number FROM notices WHERE due <= ?2 ORDER BY due, number LIMIT ?3)
         RETURNING number, approval, state, at, attempts - 1, progress",
    )?;
    let until = tx.now.plus_millis(millis(hold_ms)).millis();
    let mut rows = statement.query(params![until, tx.now.millis(), limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    found.sort_by_key(|notice| notice.number);
    Ok(found)
}

pub(super) fn of(tx: &Tx<'_>, approval: &ApprovalId) -> Result<Vec<Notice>, StoreError> {
    let mut statement = tx.conn.prepare_cached(
        "SELECT number, approval, state, at, attempts, progress FROM notices WHERE approval = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([approval.to_string()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> Result<Notice, StoreError> {
    let (approval, state): (String, String) = (row.get(1)?, row.get(2)?);
    Ok(Notice {
        number: row.get(0)?,
        approval: approval.parse().map_err(|_| damaged("a notice names no request"))?,
        state: StateKind::from_word(&state).ok_or_else(|| damaged("a notice has no state"))?,
        at: Timestamp::from_millis(row.get(3)?),
        attempts: row.get(4)?,
        progress: parse(&row.get::<_, String>(5)?)?,
    })
}

pub(super) fn settle(tx: &Tx<'_>, number: i64, end: &NoticeEnd) -> Result<(), StoreError> {
    match end {
        NoticeEnd::Over => {
            tx.conn.prepare_cached("DELETE FROM notices WHERE number = ?1")?.execute([number])?
        }
        NoticeEnd::Again { progress, in_ms } => tx
            .conn
            .prepare_cached("UPDATE notices SET progress = ?2, due = ?3 WHERE number = ?1")?
            .execute(params![
                number,
                json(progress)?,
                tx.now.plus_millis(millis(*in_ms)).millis()
            ])?,
    };
    Ok(())
}
