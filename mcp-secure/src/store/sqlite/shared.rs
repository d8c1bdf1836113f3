//! What processes share besides calls: buckets of limits, switches, and the dropping of what nobody needs.

use super::rows;
use super::worker::Tx;
use crate::clock::Timestamp;
use crate::store::limit::take_all;
use crate::store::row::damaged;
use crate::store::{Leased, StoreError, Switch, SwitchScope, Wanted};
use rusqlite::params;

/// How many rows that nobody needs any more one transaction drops.
const DROPPED: i64 = 1000;

pub(super) fn lease(tx: &Tx<'_>, wanted: &[Wanted]) -> Result<Vec<Leased>, StoreError> {
    let now = tx.now.millis().saturating_mul(1000);
    let filled = wanted.iter().map(|want| {
        let bucket = [want.bucket.as_bytes()];
        rows::first(tx.conn, "SELECT filled FROM buckets WHERE bucket = ?1", bucket)
    });
    let taken = take_all(wanted, &filled.collect::<Result<Vec<_>, _>>()?, now);
    for (want, filled) in wanted.iter().zip(taken.iter().map(|(_, filled)| filled)) {
        if let Some(filled) = filled {
            tx.conn
                .prepare_cached(
                    "INSERT INTO buckets (bucket, filled) VALUES (?1, ?2)
                     ON CONFLICT (bucket) DO UPDATE SET filled = excluded.filled",
                )?
                .execute(params![want.bucket.as_bytes(), filled])?;
        }
    }
    Ok(taken.into_iter().map(|(leased, _)| leased).collect())
}

pub(super) fn switches(tx: &Tx<'_>) -> Result<Vec<Switch>, StoreError> {
    let mut statement =
        tx.conn.prepare_cached("SELECT scope, since, by, reason FROM switches ORDER BY scope")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let scope: String = row.get(0)?;
        found.push(Switch {
            scope: scope.parse().map_err(|_| damaged("a switch has no scope"))?,
            since: Timestamp::from_millis(row.get(1)?),
            by: row.get(2)?,
            reason: row.get(3)?,
        });
    }
    Ok(found)
}

pub(super) fn switch(
    tx: &Tx<'_>,
    scope: &SwitchScope,
    off: bool,
    by: &str,
    reason: Option<&str>,
) -> Result<bool, StoreError> {
    let scope = scope.to_string();
    let changed = if off {
        tx.conn
            .prepare_cached(
                "INSERT INTO switches (scope, since, by, reason) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (scope) DO NOTHING",
            )?
            .execute(params![scope, tx.now.millis(), by, reason])?
    } else {
        tx.conn.prepare_cached("DELETE FROM switches WHERE scope = ?1")?.execute([scope])?
    };
    Ok(changed == 1)
}

/// Drops rows of runs, buckets that are full again and tickets whose time is over. False: there may be more of them.
pub(super) fn drop_rows(tx: &Tx<'_>) -> Result<bool, StoreError> {
    let now = tx.now.millis();
    let mut all = true;
    for (sql, until) in [
        (
            "DELETE FROM runs WHERE fence IN (SELECT fence FROM runs
                WHERE keep_until <= ?1 AND tell_at IS NULL LIMIT ?2)",
            now,
        ),
        (
            "DELETE FROM buckets WHERE bucket IN (SELECT bucket FROM buckets WHERE filled <= ?1 LIMIT ?2)",
            now.saturating_mul(1000),
        ),
        (
            "DELETE FROM tickets WHERE (kind, digest) IN
                (SELECT kind, digest FROM tickets WHERE expires <= ?1 LIMIT ?2)",
            now,
        ),
    ] {
        let dropped = tx.conn.prepare_cached(sql)?.execute([until, DROPPED])?;
        all &= i64::try_from(dropped).unwrap_or(0) < DROPPED;
    }
    Ok(all)
}
