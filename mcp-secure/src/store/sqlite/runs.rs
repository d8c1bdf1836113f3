use super::worker::Tx;
use super::{approvals, rows};
use crate::approval::{ApprovalId, Event, Party, TransitionRefused, VoteRefused};
use crate::canon::Digest;
use crate::store::judge::{Ended, fits, gives_way, may_roll_back};
use crate::store::row::{Call, MAX_LISTED, RunRow, SWEEP, damaged, millis, told_again};
use crate::store::{
    CommitRefused, Committed, Fence, Finished, KeyRecord, LapsedRun, ListedRun, Moved, NewRun,
    Renewed, Resolution, Resolved, RunFilter, RunId, RunRecord, RunResult, RunState, StoreError,
};
use rusqlite::{OptionalExtension as _, params};

pub(super) fn idempotent(tx: &Tx<'_>, key: &Digest) -> Result<Option<KeyRecord>, StoreError> {
    let holds = "key = ?1 AND (key_until IS NULL OR key_until > ?2)";
    let found = rows::runs(tx.conn, holds, params![key.as_bytes(), tx.now.millis()])?.pop();
    found.map(|row| row.key()).transpose()
}

/// Everything is looked at before anything is written: a refusal changes nothing.
pub(super) fn commit(tx: &Tx<'_>, run: &NewRun) -> Result<Committed, StoreError> {
    let refused = |why| Ok(Committed::Refused(why));
    let id = run.run_id.to_string();
    let holder = match &run.idempotency {
        Some(new) => rows::runs(tx.conn, "key = ?1", [new.key.as_bytes()])?.pop(),
        None => None,
    };
    // A call that takes nothing but a free key is told by the insertion alone.
    if (holder.is_some() || run.approval.is_some() || run.compensates.is_some())
        && rows::first::<i64>(tx.conn, "SELECT fence FROM runs WHERE run_id = ?1", [&id])?.is_some()
    {
        return refused(CommitRefused::AlreadyRunning);
    }
    if let (Some(holder), Some(new)) = (&holder, &run.idempotency)
        && !gives_way(holder, new, &run.caller, tx.now)?
    {
        return refused(CommitRefused::KeyTaken);
    }
    let compensates = run.compensates.map(|target| target.to_string());
    if let Some(target) = &compensates {
        let target = rows::run(tx.conn, target)?;
        if let Err(why) = may_roll_back(target.as_ref(), &run.caller, tx.now)? {
            return refused(CommitRefused::RollbackRefused(why));
        }
    }
    // The first write: an approval that does not move is an answer, and nothing else has changed.
    if let Err(why) = consume(tx, run)? {
        return refused(why);
    }
    if let Some(holder) = holder {
        tx.conn
            .prepare_cached(
                "UPDATE runs SET lent_key = CASE WHEN state = 'in_doubt' THEN key END, key = NULL,
                    key_window = CASE WHEN state = 'in_doubt' THEN key_window END, answer = NULL WHERE fence = ?1",
            )?
            .execute([holder.fence])?;
    }
    if let Some(target) = &compensates {
        let taken = tx
            .conn
            .prepare_cached("UPDATE runs SET taken_by = ?1 WHERE run_id = ?2 AND taken_by IS NULL")?
            .execute([&id, target])?;
        if taken != 1 {
            return Err(StoreError::Raced);
        }
    }
    insert(tx, run, &id, compensates.as_deref())
}

/// Moves the approval that the run consumes, if it names one.
fn consume(tx: &Tx<'_>, run: &NewRun) -> Result<Result<(), CommitRefused>, StoreError> {
    let Some((id, digest)) = &run.approval else { return Ok(Ok(())) };
    let Some(seen) = rows::load(tx.conn, id)? else {
        return Ok(Err(CommitRefused::ApprovalNotFound));
    };
    if let Err(why) = fits(&seen, digest, run) {
        return Ok(Err(why));
    }
    Ok(match approvals::step(tx, seen, Event::Start { run: run.run_id })? {
        Moved::To(_) => Ok(()),
        Moved::Refused(TransitionRefused::From(state)) => {
            Err(CommitRefused::ApprovalNotApproved(state))
        }
        Moved::Refused(_) => Err(CommitRefused::ApprovalExpired),
        Moved::NotFound | Moved::NotAllowed(_) => Err(CommitRefused::ApprovalNotFound),
    })
}

fn insert(
    tx: &Tx<'_>,
    run: &NewRun,
    id: &str,
    compensates: Option<&str>,
) -> Result<Committed, StoreError> {
    let lease_until = tx.now.plus_millis(millis(run.lease_ms));
    let key = run.idempotency.as_ref();
    let inserted = tx
        .conn
        .prepare_cached(
            "INSERT INTO runs (run_id, approval, run, started, lease_until, state, tenant, tool, key, key_arguments,
                key_window, compensates)
             VALUES (?1, ?2, ?3, ?4, ?5, 'running', ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (run_id) DO NOTHING",
        )?
        .execute(params![
            id,
            run.approval.map(|(id, _)| id.to_string()),
            Call::text(run)?,
            tx.now.millis(),
            lease_until.millis(),
            run.caller.tenant,
            run.tool,
            key.map(|k| k.key.as_bytes()),
            key.map(|k| k.arguments.as_bytes()),
            key.map(|k| millis(k.window_ms)),
            compensates,
        ])?;
    if inserted != 1 {
        return Ok(Committed::Refused(CommitRefused::AlreadyRunning));
    }
    Ok(Committed::Running { fence: Fence(tx.conn.last_insert_rowid()), lease_until })
}

pub(super) fn renew(
    tx: &Tx<'_>,
    run: &RunId,
    fence: Fence,
    lease_ms: u64,
) -> Result<Renewed, StoreError> {
    let until = tx.now.plus_millis(millis(lease_ms));
    // A lease that lapsed unnoticed is taken up again: nobody has put the run in doubt.
    let held = tx
        .conn
        .prepare_cached(
            "UPDATE runs SET lease_until = max(lease_until, ?1) WHERE run_id = ?2 AND fence = ?3 AND state = 'running'",
        )?
        .execute(params![until.millis(), run.to_string(), fence.number()])?;
    Ok(if held == 1 { Renewed::Until(until) } else { Renewed::Lost })
}

pub(super) fn finish(
    tx: &Tx<'_>,
    run: &RunId,
    fence: Fence,
    result: RunResult,
) -> Result<Finished, StoreError> {
    let row = tx
        .conn
        .prepare_cached(
            "SELECT state, approval, compensates, key_window, run_id FROM runs WHERE fence = ?1 AND run_id = ?2",
        )?
        .query_row(params![fence.number(), run.to_string()], |r| {
            Ok((
                r.get::<_, String>(0)?,
                Holds {
                    fence: fence.number(),
                    approval: r.get(1)?,
                    compensates: r.get(2)?,
                    key_window: r.get(3)?,
                    run_id: r.get(4)?,
                },
            ))
        })
        .optional()?;
    let Some((state, holds)) = row else { return Ok(Finished::Refused) };
    let end = Ended::of(*run, result);
    if state == "in_doubt" && !end.ends_doubt() {
        let kept = tx
            .conn
            .prepare_cached("UPDATE runs SET late = ?1 WHERE fence = ?2 AND state = 'in_doubt' AND late IS NULL")?
            .execute(params![end.late()?, fence.number()])?;
        return Ok(if kept == 1 { Finished::Late } else { Finished::Refused });
    }
    if !matches!(state.as_str(), "running" | "in_doubt") {
        return Ok(Finished::Refused);
    }
    write_end(tx, &holds, &end, &state)?;
    if let Some(id) = &holds.approval {
        approvals::ended(tx, id, &end)?;
    }
    Ok(Finished::Recorded)
}

/// What a run holds, which its end touches.
struct Holds {
    fence: i64,
    run_id: String,
    approval: Option<String>,
    compensates: Option<String>,
    key_window: Option<i64>,
}

fn write_end(tx: &Tx<'_>, run: &Holds, end: &Ended, from: &str) -> Result<(), StoreError> {
    let settled = end.settled(run.key_window, tx.now)?;
    let freed = match run.key_window.filter(|_| settled.frees) {
        Some(_) => rows::first(tx.conn, "SELECT key FROM runs WHERE fence = ?1", [run.fence])?,
        None => None,
    };
    let changed = tx
        .conn
        .prepare_cached(
            "UPDATE runs SET state = ?1, finished = ?2, outcome = ?3, answer = ?4, key_until = ?5, rollback = ?6,
                rollback_until = ?7, keep_until = ?8, key = CASE WHEN ?9 THEN NULL ELSE key END,
                key_window = CASE WHEN ?9 THEN NULL ELSE key_window END
             WHERE fence = ?10 AND state = ?11",
        )?
        .execute(params![
            settled.state,
            tx.now.millis(),
            settled.outcome,
            settled.answer,
            settled.key_until,
            settled.rollback,
            settled.rollback_until,
            settled.keep_until,
            settled.frees,
            run.fence,
            from,
        ])?;
    if changed != 1 {
        return Err(StoreError::Raced);
    }
    if let Some(target) = run.compensates.as_deref().filter(|_| settled.frees) {
        tx.conn
            .prepare_cached("UPDATE runs SET taken_by = NULL WHERE run_id = ?1 AND taken_by = ?2")?
            .execute([target, &run.run_id])?;
    }
    if settled.frees && run.key_window.is_some() {
        give_key_back(tx, run.fence, freed)?;
    }
    Ok(())
}

/// A run that had no effect says nothing of the doubt that its key was taken from: the key goes back to the run in doubt,
/// or to one that a person found done since.
fn give_key_back(tx: &Tx<'_>, fence: i64, key: Option<Vec<u8>>) -> Result<(), StoreError> {
    tx.conn.prepare_cached("UPDATE runs SET lent_key = NULL WHERE fence = ?1")?.execute([fence])?;
    if let Some(key) = key {
        tx.conn
            .prepare_cached(
                "UPDATE runs SET key = lent_key, lent_key = NULL WHERE fence = (SELECT fence FROM runs
                    WHERE lent_key = ?1 AND state IN ('in_doubt', 'done')
                    ORDER BY state = 'in_doubt' DESC, fence DESC LIMIT 1)",
            )?
            .execute([key])?;
    }
    Ok(())
}

/// Writes down how a run in doubt was resolved.
pub(super) fn settle(tx: &Tx<'_>, row: &RunRow, end: &Ended) -> Result<(), StoreError> {
    let holds = Holds {
        fence: row.fence,
        run_id: row.run_id.clone(),
        approval: row.approval.clone(),
        compensates: row.compensates.clone(),
        key_window: row.key_window,
    };
    write_end(tx, &holds, end, "in_doubt")
}

pub(super) fn resolve(
    tx: &Tx<'_>,
    id: &RunId,
    found: Resolution,
    by: &Party,
) -> Result<Resolved, StoreError> {
    let Some(row) = rows::run(tx.conn, &id.to_string())? else { return Ok(Resolved::NotFound) };
    let person = match row.resolver(by)? {
        Ok(person) => person.to_owned(),
        Err(VoteRefused::NotFound) => return Ok(Resolved::NotFound),
        Err(why) => return Ok(Resolved::NotAllowed(why)),
    };
    let state = row.state()?;
    if state != RunState::InDoubt {
        return Ok(Resolved::NotInDoubt(state));
    }
    let end = Ended::resolved(found, person, row.late());
    settle(tx, &row, &end)?;
    if let Some(approval) = &row.approval {
        approvals::ended(tx, approval, &end)?;
    }
    let after = rows::run(tx.conn, &id.to_string())?.ok_or(StoreError::Raced)?;
    Ok(Resolved::To(after.record()?))
}

/// What the audit is to be told of at `?1`.
pub(super) const UNTOLD: &str = "tell_at <= ?1 ORDER BY fence LIMIT ?2";
/// What had a lease until `?1`, and no outcome.
pub(super) const LAPSED: &str = "state = 'running' AND lease_until <= ?1 ORDER BY fence LIMIT ?2";

pub(super) fn recover(tx: &Tx<'_>) -> Result<Vec<LapsedRun>, StoreError> {
    let due = [tx.now.millis(), SWEEP];
    let untold = rows::runs(tx.conn, UNTOLD, due)?;
    let found = rows::runs(tx.conn, LAPSED, due)?;
    let mut lapsed = Vec::new();
    for (row, begins) in
        untold.iter().map(|row| (row, false)).chain(found.iter().map(|row| (row, true)))
    {
        match lapse(tx, row) {
            Ok(told) => {
                if begins {
                    doubt(tx, row, &told)?;
                }
                tx.conn
                    .prepare_cached("UPDATE runs SET tell_at = ?1 WHERE fence = ?2")?
                    .execute([told_again(tx.now), row.fence])?;
                lapsed.push(told);
            }
            Err(StoreError::Corrupt(why)) => row.unreadable(&why),
            Err(error) => return Err(error),
        }
    }
    Ok(lapsed)
}

/// Takes down that the audit holds what was told.
pub(super) fn told(
    tx: &Tx<'_>,
    runs: &[RunId],
    approvals: &[ApprovalId],
) -> Result<(), StoreError> {
    for run in runs {
        tx.conn
            .prepare_cached("UPDATE runs SET tell_at = NULL WHERE run_id = ?1")?
            .execute([run.to_string()])?;
    }
    for id in approvals {
        tx.conn
            .prepare_cached("UPDATE approvals SET told = 1, tell_at = NULL WHERE id = ?1")?
            .execute([id.to_string()])?;
    }
    Ok(())
}

/// What there is to tell of a lapsed run. Only reads: a row that cannot be read is left as it is.
fn lapse(tx: &Tx<'_>, row: &RunRow) -> Result<LapsedRun, StoreError> {
    let told = row.lapsed()?;
    if let Some(id) = &told.approval {
        rows::load(tx.conn, id)?.ok_or_else(|| damaged("a run's approval is gone"))?;
    }
    Ok(told)
}

/// Puts a lapsed run in doubt.
fn doubt(tx: &Tx<'_>, row: &RunRow, told: &LapsedRun) -> Result<(), StoreError> {
    let why = "the run's lease lapsed without an outcome".to_owned();
    let end = Ended::of(told.run_id, RunResult::Unknown { why });
    let holds = Holds {
        fence: row.fence,
        run_id: row.run_id.clone(),
        approval: None,
        compensates: None,
        key_window: None,
    };
    write_end(tx, &holds, &end, "running")?;
    if let Some(id) = &row.approval {
        approvals::ended(tx, id, &end)?;
    }
    Ok(())
}

pub(super) fn by_id(tx: &Tx<'_>, id: &RunId) -> Result<Option<RunRecord>, StoreError> {
    rows::run(tx.conn, &id.to_string())?.map(|row| row.record()).transpose()
}

pub(super) fn list(
    tx: &Tx<'_>,
    filter: &RunFilter,
    limit: u32,
) -> Result<Vec<ListedRun>, StoreError> {
    let limit = limit.min(MAX_LISTED) as usize;
    // The word is one of five, so it can stand in the text, where the partial index is found by it.
    let state = filter.state.map_or(String::new(), |state| format!("AND state = '{state}'"));
    let rest = format!(
        "fence < ?1 AND (?2 IS NULL OR tenant = ?2) AND (?3 IS NULL OR tool = ?3) {state} ORDER BY fence DESC LIMIT ?4"
    );
    let (mut found, mut before) = (Vec::new(), place(tx, filter)?);
    // As with requests: a page that is not full is the last one.
    loop {
        let missing = limit - found.len();
        let asked = params![before, filter.tenant, filter.tool, millis(missing as u64)];
        let rows = rows::runs(tx.conn, &rest, asked)?;
        let last = rows.len() < missing;
        for row in rows {
            before = row.fence;
            match row.record() {
                Ok(run) => found.push(ListedRun::Run(run)),
                Err(StoreError::Corrupt(why)) => {
                    let tool = "SELECT tool FROM runs WHERE fence = ?1";
                    let tool = rows::first::<String>(tx.conn, tool, [row.fence])?;
                    let told = row.unlisted(&why, tool.unwrap_or_default());
                    found.extend(told.map(ListedRun::Unreadable));
                }
                Err(error) => return Err(error),
            }
        }
        if last || found.len() == limit {
            return Ok(found);
        }
    }
}

/// Below which fence the list goes on.
fn place(tx: &Tx<'_>, filter: &RunFilter) -> Result<i64, StoreError> {
    let Some((started, id)) = &filter.after else { return Ok(i64::MAX) };
    let by_id = "SELECT fence FROM runs WHERE run_id = ?1";
    if let Some(fence) = rows::first(tx.conn, by_id, [id.to_string()])? {
        return Ok(fence);
    }
    let by_time = "SELECT max(fence) + 1 FROM runs WHERE started <= ?1";
    Ok(rows::first(tx.conn, by_time, [started.millis()])?.unwrap_or_default())
}
