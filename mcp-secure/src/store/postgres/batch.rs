//! Calls that come at once share a transaction and its statements: begins, ends and look-ups of keys.
//!
//! Only plain ones: what takes an approval or a right to roll back goes through [`runs`](super::runs), one at a time.

use super::fault::Fault;
use super::pool::{Lent, Pool, TIME, Tx};
use super::rows::{INT, get, run_row};
use crate::canon::Digest;
use crate::store::judge::{Ended, Settled};
use crate::store::row::{Call, RUN_COLUMNS, RunRow, millis};
use crate::store::{Committed, Fence, Finished, KeyRecord, NewRun, RunId, RunResult, StoreError};
use std::collections::{HashMap, HashSet};
use tokio_postgres::types::Type;

/// An end that somebody waits to have written down.
#[derive(Clone)]
pub(super) struct End {
    pub(super) run: RunId,
    pub(super) fence: Fence,
    pub(super) result: RunResult,
}

/// Whether a run takes nothing but its id and its key.
pub(super) fn is_plain(run: &NewRun) -> bool {
    run.approval.is_none() && run.compensates.is_none()
}

/// Begins plain runs. `None`: something is in the way, and the run has to be looked at by itself.
pub(super) async fn commit(tx: &Tx<'_>, runs: &[NewRun]) -> Result<Vec<Option<Committed>>, Fault> {
    let mut keys = HashSet::new();
    let mut ids = HashSet::new();
    // One row for each key: the rows are written in one order everywhere, so that batches wait but never for each other.
    let mut new: Vec<&NewRun> = runs
        .iter()
        .filter(|run| {
            is_plain(run)
                && ids.insert(run.run_id)
                && run.idempotency.is_none_or(|key| keys.insert(key.key))
        })
        .collect();
    new.sort_by_key(|run| run.idempotency.map(|key| key.key));
    let ids: Vec<String> = new.iter().map(|run| run.run_id.to_string()).collect();
    let calls = new.iter().map(|run| Call::text(run)).collect::<Result<Vec<_>, _>>()?;
    let until = |run: &NewRun| tx.now.plus_millis(millis(run.lease_ms));
    let untils: Vec<i64> = new.iter().map(|run| until(run).millis()).collect();
    let tenants: Vec<&str> = new.iter().map(|run| run.caller.tenant.as_str()).collect();
    let tools: Vec<&str> = new.iter().map(|run| run.tool.as_str()).collect();
    let bytes = |of: fn(&crate::store::NewKey) -> &Digest| -> Vec<Option<&[u8]>> {
        new.iter()
            .map(|run| run.idempotency.as_ref().map(|key| of(key).as_bytes().as_slice()))
            .collect()
    };
    let (keys, arguments) = (bytes(|key| &key.key), bytes(|key| &key.arguments));
    let windows: Vec<Option<i64>> =
        new.iter().map(|run| run.idempotency.map(|key| millis(key.window_ms))).collect();
    let rows = tx
        .query(
            "INSERT INTO mcp_secure.runs (run_id, run, started, lease_until, state, tenant, tool, key, key_arguments,
                key_window)
             SELECT n.run_id, n.run, $1, n.lease_until, 'running', n.tenant, n.tool, n.key, n.key_arguments, n.key_window
             FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bytea[], $8::bytea[],
                $9::bigint[]) AS n (run_id, run, lease_until, tenant, tool, key, key_arguments, key_window)
             ON CONFLICT DO NOTHING RETURNING run_id, fence",
            &[
                (&tx.now.millis(), INT),
                (&ids, Type::TEXT_ARRAY),
                (&calls, Type::TEXT_ARRAY),
                (&untils, Type::INT8_ARRAY),
                (&tenants, Type::TEXT_ARRAY),
                (&tools, Type::TEXT_ARRAY),
                (&keys, Type::BYTEA_ARRAY),
                (&arguments, Type::BYTEA_ARRAY),
                (&windows, Type::INT8_ARRAY),
            ],
        )
        .await?;
    let mut fences = HashMap::new();
    for row in &rows {
        fences.insert(get::<String>(row, 0)?, Fence(get(row, 1)?));
    }
    Ok(runs
        .iter()
        .map(|run| {
            // Taken out, so that an id handed in twice begins once.
            let fence = fences.remove(&run.run_id.to_string())?;
            Some(Committed::Running { fence, lease_until: until(run) })
        })
        .collect())
}

/// Writes down the ends of plain runs. `None`: the run has to be looked at by itself.
pub(super) async fn finish(tx: &Tx<'_>, ends: &[End]) -> Result<Vec<Option<Finished>>, Fault> {
    let mut seen = HashSet::new();
    let mut first: Vec<&End> = ends.iter().filter(|end| seen.insert(end.fence)).collect();
    first.sort_by_key(|end| end.fence);
    let fences: Vec<i64> = first.iter().map(|end| end.fence.number()).collect();
    let rows = tx
        .query(
            "SELECT fence, run_id, key_window FROM mcp_secure.runs
             WHERE fence = ANY($1) AND state = 'running' AND approval IS NULL AND compensates IS NULL",
            &[(&fences, Type::INT8_ARRAY)],
        )
        .await?;
    let mut plain = HashMap::new();
    for row in &rows {
        plain.insert(get::<i64>(row, 0)?, (get::<String>(row, 1)?, get::<Option<i64>>(row, 2)?));
    }
    let mut fences = Vec::new();
    let mut settled = Vec::new();
    for end in first {
        let fence = end.fence.number();
        if let Some((run_id, window)) = plain.get(&fence)
            && *run_id == end.run.to_string()
        {
            fences.push(fence);
            settled.push(Ended::of(end.run, end.result.clone()).settled(*window, tx.now)?);
        }
    }
    leave_out_lent(tx, &mut fences, &mut settled, &plain).await?;
    let done = write_ends(tx, &fences, &settled).await?;
    let mut done: HashSet<i64> = done.into_iter().collect();
    Ok(ends
        .iter()
        .map(|end| {
            let fence = end.fence.number();
            let mine = plain.get(&fence).is_some_and(|(id, _)| *id == end.run.to_string());
            (mine && done.remove(&fence)).then_some(Finished::Recorded)
        })
        .collect())
}

/// Leaves out the runs whose key goes back to a run in doubt. Asked only where a key comes free.
async fn leave_out_lent(
    tx: &Tx<'_>,
    fences: &mut Vec<i64>,
    settled: &mut Vec<Settled>,
    plain: &HashMap<i64, (String, Option<i64>)>,
) -> Result<(), Fault> {
    let frees_key = |fence: &i64, end: &Settled| {
        end.frees && plain.get(fence).is_some_and(|(_, window)| window.is_some())
    };
    let pairs = fences.iter().zip(settled.iter());
    let freed: Vec<i64> = pairs.filter(|(f, e)| frees_key(f, e)).map(|(f, _)| *f).collect();
    if freed.is_empty() {
        return Ok(());
    }
    let rows = tx
        .query(
            "SELECT r.fence FROM mcp_secure.runs AS r WHERE r.fence = ANY($1)
                AND EXISTS (SELECT 1 FROM mcp_secure.runs AS d WHERE d.lent_key = r.key)",
            &[(&freed, Type::INT8_ARRAY)],
        )
        .await?;
    let lent: HashSet<i64> = rows.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    if !lent.is_empty() {
        let pairs = fences.drain(..).zip(settled.drain(..));
        let kept: Vec<_> = pairs.filter(|(fence, _)| !lent.contains(fence)).collect();
        (*fences, *settled) = kept.into_iter().unzip();
    }
    Ok(())
}

/// Answers which rows were still running, and are over now.
async fn write_ends(tx: &Tx<'_>, fences: &[i64], ends: &[Settled]) -> Result<Vec<i64>, Fault> {
    fn column<'a, T>(ends: &'a [Settled], of: impl Fn(&'a Settled) -> T) -> Vec<T> {
        ends.iter().map(of).collect()
    }
    if fences.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .query(
            "UPDATE mcp_secure.runs AS r SET state = n.state, finished = $1, outcome = n.outcome, answer = n.answer,
                key_until = n.key_until, rollback = n.rollback, rollback_until = n.rollback_until,
                keep_until = n.keep_until, key = CASE WHEN n.frees THEN NULL ELSE r.key END,
                key_window = CASE WHEN n.frees THEN NULL ELSE r.key_window END
             FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[],
                $9::bigint[], $10::bool[])
                AS n (fence, state, outcome, answer, key_until, rollback, rollback_until, keep_until, frees)
             WHERE r.fence = n.fence AND r.state = 'running' RETURNING r.fence",
            &[
                (&tx.now.millis(), INT),
                (&fences, Type::INT8_ARRAY),
                (&column(ends, |e| e.state), Type::TEXT_ARRAY),
                (&column(ends, |e| e.outcome.as_str()), Type::TEXT_ARRAY),
                (&column(ends, |e| e.answer.as_deref()), Type::TEXT_ARRAY),
                (&column(ends, |e| e.key_until), Type::INT8_ARRAY),
                (&column(ends, |e| e.rollback.as_deref()), Type::TEXT_ARRAY),
                (&column(ends, |e| e.rollback_until), Type::INT8_ARRAY),
                (&column(ends, |e| e.keep_until), Type::INT8_ARRAY),
                (&column(ends, |e| e.frees), Type::BOOL_ARRAY),
            ],
        )
        .await?;
    rows.iter().map(|row| get(row, 0)).collect()
}

/// Who holds a key, where its row can be read.
type Holder = Result<Option<KeyRecord>, StoreError>;

/// Who holds each key: one statement without a transaction around it, and so one trip. A row that cannot be read is the
/// fault of its own key alone.
pub(super) async fn keys(
    pool: &Pool,
    lent: &Lent<'_>,
    keys: &[Digest],
) -> Result<Vec<Holder>, Fault> {
    let wanted: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes().as_slice()).collect();
    // The time comes with every row, and with an empty one where no key is held.
    let sql = format!(
        "SELECT {RUN_COLUMNS}, key, key_until, clock, written FROM ({TIME}) AS at_present LEFT JOIN mcp_secure.runs ON key = ANY($1)"
    );
    let mut found: HashMap<Vec<u8>, RunRow> = HashMap::new();
    for row in lent.client().query_typed(&sql, &[(&wanted, Type::BYTEA_ARRAY)]).await? {
        let Some(key) = get::<Option<Vec<u8>>>(&row, 18)? else { continue };
        let until: Option<i64> = get(&row, 19)?;
        let now = pool.time(get(&row, 20)?, get(&row, 21)?);
        if until.is_none_or(|until| until > now.millis()) {
            found.insert(key, run_row(&row)?);
        }
    }
    let of = |key: &Digest| found.get(key.as_bytes().as_slice()).map(RunRow::key).transpose();
    Ok(keys.iter().map(of).collect())
}
