//! Notices: changes that others are told of.

use super::rows;
use super::worker::Tx;
use crate::approval::{ApprovalId, StateKind};
use crate::clock::Timestamp;
use crate::store::notice::{NEVER, NoticeRow};
use crate::store::row::{SWEEP, json, millis};
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

/// Whether there are any: asking need not write.
pub(super) fn any_due(tx: &Tx<'_>) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM notices WHERE due <= ?1 LIMIT 1";
    Ok(rows::first::<i64>(tx.conn, sql, [tx.now.millis()])?.is_some())
}

pub(super) fn due(tx: &Tx<'_>, limit: u32, hold_ms: u64) -> Result<Vec<Notice>, StoreError> {
    let until = tx.now.plus_millis(millis(hold_ms)).millis();
    let mut found = Vec::new();
    for row in claim(tx, until, i64::from(limit).min(SWEEP))? {
        match row.readable() {
            Some(notice) => found.push(notice),
            None => hold(tx, row.number, NEVER)?,
        }
    }
    found.sort_by_key(|notice| notice.number);
    Ok(found)
}

fn claim(tx: &Tx<'_>, until: i64, limit: i64) -> Result<Vec<NoticeRow>, StoreError> {
    let mut statement = tx.conn.prepare_cached(
        "UPDATE notices SET due = ?1, attempts = attempts + 1 WHERE number IN
            (SELECT number FROM notices WHERE due <= ?2 ORDER BY due, number LIMIT ?3)
         RETURNING number, approval, state, at, attempts - 1, progress",
    )?;
    let rows = statement.query_map([until, tx.now.millis(), limit], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One that cannot be read is left out.
pub(super) fn of(tx: &Tx<'_>, approval: &ApprovalId) -> Result<Vec<Notice>, StoreError> {
    let mut statement = tx.conn.prepare_cached(
        "SELECT number, approval, state, at, attempts, progress FROM notices WHERE approval = ?1 ORDER BY number",
    )?;
    let rows = statement.query_map([approval.to_string()], read)?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.iter().filter_map(NoticeRow::readable).collect())
}

fn read(row: &Row<'_>) -> rusqlite::Result<NoticeRow> {
    Ok(NoticeRow {
        number: row.get(0)?,
        approval: row.get(1)?,
        state: row.get(2)?,
        at: row.get(3)?,
        attempts: row.get(4)?,
        progress: row.get(5)?,
    })
}

fn hold(tx: &Tx<'_>, number: i64, until: i64) -> Result<(), StoreError> {
    tx.conn
        .prepare_cached("UPDATE notices SET due = ?2 WHERE number = ?1")?
        .execute([number, until])?;
    Ok(())
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
