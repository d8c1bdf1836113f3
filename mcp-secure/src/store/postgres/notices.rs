//! Notices: changes that others are told of. [`rows`](super::rows) leaves them, with the change.

use super::fault::Fault;
use super::pool::Tx;
use super::rows::{INT, TEXT, get};
use crate::approval::ApprovalId;
use crate::store::notice::{NEVER, NoticeRow};
use crate::store::row::{SWEEP, json, millis};
use crate::store::{Notice, NoticeEnd};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// Those that another replica is claiming at this moment are left to it.
pub(super) async fn due(tx: &Tx<'_>, limit: u32, hold_ms: u64) -> Result<Vec<Notice>, Fault> {
    let rows = tx
        .query(
            "WITH due AS MATERIALIZED (SELECT number FROM mcp_secure.notices WHERE due <= $2 ORDER BY due, number LIMIT $3
                FOR UPDATE SKIP LOCKED)
             UPDATE mcp_secure.notices AS n SET due = $1, attempts = n.attempts + 1 FROM due WHERE n.number = due.number
             RETURNING n.number, n.approval, n.state, n.at, n.attempts - 1, n.progress",
            &[
                (&tx.now.plus_millis(millis(hold_ms)).millis(), INT),
                (&tx.now.millis(), INT),
                (&i64::from(limit).min(SWEEP), INT),
            ],
        )
        .await?;
    let (mut found, mut aside) = (Vec::new(), Vec::new());
    for row in &rows {
        let row = read(row)?;
        match row.readable() {
            Some(notice) => found.push(notice),
            None => aside.push(row.number),
        }
    }
    if !aside.is_empty() {
        tx.execute(
            "UPDATE mcp_secure.notices SET due = $1 WHERE number = ANY($2)",
            &[(&NEVER, INT), (&aside, Type::INT8_ARRAY)],
        )
        .await?;
    }
    found.sort_by_key(|notice| notice.number);
    Ok(found)
}

/// One that cannot be read is left out.
pub(super) async fn of(tx: &Tx<'_>, approval: &ApprovalId) -> Result<Vec<Notice>, Fault> {
    let rows = tx
        .query(
            "SELECT number, approval, state, at, attempts, progress FROM mcp_secure.notices WHERE approval = $1
             ORDER BY number",
            &[(&approval.to_string(), TEXT)],
        )
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        found.extend(read(row)?.readable());
    }
    Ok(found)
}

fn read(row: &Row) -> Result<NoticeRow, Fault> {
    Ok(NoticeRow {
        number: get(row, 0)?,
        approval: get(row, 1)?,
        state: get(row, 2)?,
        at: get(row, 3)?,
        attempts: get(row, 4)?,
        progress: get(row, 5)?,
    })
}

pub(super) async fn settle(tx: &Tx<'_>, number: i64, end: &NoticeEnd) -> Result<(), Fault> {
    match end {
        NoticeEnd::Over => {
            tx.execute("DELETE FROM mcp_secure.notices WHERE number = $1", &[(&number, INT)])
                .await?
        }
        NoticeEnd::Again { progress, in_ms } => {
            let due = tx.now.plus_millis(millis(*in_ms)).millis();
            tx.execute(
                "UPDATE mcp_secure.notices SET progress = $2, due = $3 WHERE number = $1",
                &[(&number, INT), (&json(progress)?, TEXT), (&due, INT)],
            )
            .await?
        }
    };
    Ok(())
}
