//! What replicas share besides calls: buckets of limits, switches, and the dropping of what nobody needs.

use super::fault::Fault;
use super::pool::Tx;
use super::rows::{BYTES, INT, TEXT, get};
use crate::clock::Timestamp;
use crate::store::limit::take_all;
use crate::store::row::damaged;
use crate::store::{Leased, Switch, SwitchScope, Wanted};

/// How many rows that nobody needs any more one transaction drops.
const DROPPED: i64 = 1000;

pub(super) async fn lease(tx: &Tx<'_>, wanted: &[Wanted]) -> Result<Vec<Leased>, Fault> {
    let now = tx.now.millis().saturating_mul(1000);
    // In one order, so that no two wait for each other.
    let mut in_order: Vec<(usize, &Wanted)> = wanted.iter().enumerate().collect();
    in_order.sort_by_key(|(_, want)| *want.bucket.as_bytes());
    let mut filled = vec![None; wanted.len()];
    for (at, want) in in_order {
        let bucket: &[u8] = want.bucket.as_bytes();
        // Made or held in one statement: between two, the row could be dropped, and what was taken would be forgotten.
        let rows = tx
            .query(
                "INSERT INTO mcp_secure.buckets (bucket, filled) VALUES ($1, $2)
                 ON CONFLICT (bucket) DO UPDATE SET filled = buckets.filled RETURNING filled",
                &[(&bucket, BYTES), (&now, INT)],
            )
            .await?;
        if let Some(of_it) = filled.get_mut(at) {
            *of_it = rows.first().map(|row| get(row, 0)).transpose()?;
        }
    }
    let taken = take_all(wanted, &filled, now);
    for (want, filled) in wanted.iter().zip(taken.iter().map(|(_, filled)| filled)) {
        let bucket: &[u8] = want.bucket.as_bytes();
        if let Some(filled) = filled {
            tx.execute(
                "UPDATE mcp_secure.buckets SET filled = $2 WHERE bucket = $1",
                &[(&bucket, BYTES), (filled, INT)],
            )
            .await?;
        }
    }
    Ok(taken.into_iter().map(|(leased, _)| leased).collect())
}

pub(super) async fn switches(tx: &Tx<'_>) -> Result<Vec<Switch>, Fault> {
    let rows = tx
        .query("SELECT scope, since, by, reason FROM mcp_secure.switches ORDER BY scope", &[])
        .await?;
    rows.iter()
        .map(|row| {
            let scope: String = get(row, 0)?;
            Ok(Switch {
                scope: scope.parse().map_err(|_| damaged("a switch has no scope"))?,
                since: Timestamp::from_millis(get(row, 1)?),
                by: get(row, 2)?,
                reason: get(row, 3)?,
            })
        })
        .collect()
}

pub(super) async fn switch(
    tx: &Tx<'_>,
    scope: &SwitchScope,
    off: bool,
    by: &str,
    reason: Option<&str>,
) -> Result<bool, Fault> {
    let scope = scope.to_string();
    let changed = if off {
        tx.execute(
            "INSERT INTO mcp_secure.switches (scope, since, by, reason) VALUES ($1, $2, $3, $4)
             ON CONFLICT (scope) DO NOTHING",
            &[(&scope, TEXT), (&tx.now.millis(), INT), (&by, TEXT), (&reason, TEXT)],
        )
        .await?
    } else {
        tx.execute("DELETE FROM mcp_secure.switches WHERE scope = $1", &[(&scope, TEXT)]).await?
    };
    Ok(changed == 1)
}

/// Drops rows of runs, buckets that are full again and tickets whose time is over. False: there may be more of them.
pub(super) async fn drop_rows(tx: &Tx<'_>) -> Result<bool, Fault> {
    let micros = tx.now.millis().saturating_mul(1000);
    let buckets = tx
        .execute(
            "DELETE FROM mcp_secure.buckets WHERE bucket IN (SELECT bucket FROM mcp_secure.buckets
                WHERE filled <= $1 ORDER BY bucket LIMIT $2 FOR UPDATE SKIP LOCKED)",
            &[(&micros, INT), (&DROPPED, INT)],
        )
        .await?;
    let runs = tx
        .execute(
            "DELETE FROM mcp_secure.runs WHERE fence IN (SELECT fence FROM mcp_secure.runs
                WHERE keep_until <= $1 AND tell_at IS NULL ORDER BY fence LIMIT $2 FOR UPDATE SKIP LOCKED)",
            &[(&tx.now.millis(), INT), (&DROPPED, INT)],
        )
        .await?;
    let tickets = tx
        .execute(
            "DELETE FROM mcp_secure.tickets WHERE (kind, digest) IN (SELECT kind, digest FROM mcp_secure.tickets
                WHERE expires <= $1 ORDER BY kind, digest LIMIT $2 FOR UPDATE SKIP LOCKED)",
            &[(&tx.now.millis(), INT), (&DROPPED, INT)],
        )
        .await?;
    Ok(i64::try_from(runs.max(buckets).max(tickets)).unwrap_or(i64::MAX) < DROPPED)
}
