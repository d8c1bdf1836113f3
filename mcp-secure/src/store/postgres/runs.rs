//! Runs one at a time: those that touch more than their own row.

use super::SWEEP;
use super::approvals;
use super::batch::End;
use super::fault::Fault;
use super::pool::{Tx, Value};
use super::rows::{self, BYTES, FLAG, INT, Lock, TEXT, get};
use crate::approval::{ApprovalId, Event, Party, TransitionRefused, VoteRefused};
use crate::store::judge::{Ended, fits, gives_way, may_roll_back};
use crate::store::row::{Call, MAX_LISTED, RunRow, damaged, millis, told_again};
use crate::store::{
    CommitRefused, Committed, Fence, Finished, LapsedRun, ListedRun, Moved, NewRun, Renewed,
    Resolution, Resolved, RunFilter, RunId, RunRecord, RunResult, RunState, StoreError,
};
use tokio_postgres::types::Type;

/// Everything is looked at and held before anything is written: a refusal changes nothing.
pub(super) async fn commit(tx: &Tx<'_>, run: &NewRun) -> Result<Committed, Fault> {
    let refused = |why| Ok(Committed::Refused(why));
    let id = run.run_id.to_string();
    if rows::run(tx, &id, Lock::None).await?.is_some() {
        return refused(CommitRefused::AlreadyRunning);
    }
    let mut holder = None;
    if let Some(new) = &run.idempotency {
        let key: &[u8] = new.key.as_bytes();
        holder = rows::runs(tx, "key = $1", &[(&key, BYTES)], Lock::Hold).await?.pop();
        if let Some(row) = &holder
            && !gives_way(row, new, &run.caller, tx.now)?
        {
            return refused(CommitRefused::KeyTaken);
        }
    }
    let compensates = run.compensates.map(|target| target.to_string());
    if let Some(target) = &compensates {
        let target = rows::run(tx, target, Lock::Hold).await?;
        if let Err(why) = may_roll_back(target.as_ref(), &run.caller, tx.now)? {
            return refused(CommitRefused::RollbackRefused(why));
        }
    }
    if let Err(why) = consume(tx, run).await? {
        return refused(why);
    }
    if let Some(holder) = holder {
        tx.execute(
            "UPDATE mcp_secure.runs SET lent_key = CASE WHEN state = 'in_doubt' THEN key END, key = NULL,
                key_window = CASE WHEN state = 'in_doubt' THEN key_window END, answer = NULL WHERE fence = $1",
            &[(&holder.fence, INT)],
        )
        .await?;
    }
    if let Some(target) = &compensates {
        let taken = tx
            .execute(
                "UPDATE mcp_secure.runs SET taken_by = $1 WHERE run_id = $2 AND taken_by IS NULL",
                &[(&id, TEXT), (target, TEXT)],
            )
            .await?;
        if taken != 1 {
            return Err(StoreError::Raced.into());
        }
    }
    insert(tx, run, &id, compensates.as_deref()).await
}

/// Moves the approval that the run consumes, if it names one.
async fn consume(tx: &Tx<'_>, run: &NewRun) -> Result<Result<(), CommitRefused>, Fault> {
    let Some((id, digest)) = &run.approval else { return Ok(Ok(())) };
    let Some(seen) = rows::load(tx, id, Lock::Hold).await? else {
        return Ok(Err(CommitRefused::ApprovalNotFound));
    };
    if let Err(why) = fits(&seen, digest, run) {
        return Ok(Err(why));
    }
    Ok(match approvals::step(tx, seen, Event::Start { run: run.run_id }).await? {
        Moved::To(_) => Ok(()),
        Moved::Refused(TransitionRefused::From(state)) => {
            Err(CommitRefused::ApprovalNotApproved(state))
        }
        Moved::Refused(_) => Err(CommitRefused::ApprovalExpired),
        Moved::NotFound | Moved::NotAllowed(_) => Err(CommitRefused::ApprovalNotFound),
    })
}

async fn insert(
    tx: &Tx<'_>,
    run: &NewRun,
    id: &str,
    compensates: Option<&str>,
) -> Result<Committed, Fault> {
    let lease_until = tx.now.plus_millis(millis(run.lease_ms));
    let key = run.idempotency.as_ref();
    let rows = tx
        .query(
            "INSERT INTO mcp_secure.runs (run_id, approval, run, started, lease_until, state, tenant, tool, key,
                key_arguments, key_window, compensates)
             VALUES ($1, $2, $3, $4, $5, 'running', $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING fence",
            &[
                (&id, TEXT),
                (&run.approval.map(|(id, _)| id.to_string()), TEXT),
                (&Call::text(run)?, TEXT),
                (&tx.now.millis(), INT),
                (&lease_until.millis(), INT),
                (&run.caller.tenant, TEXT),
                (&run.tool, TEXT),
                (&key.map(|k| k.key.as_bytes().as_slice()), BYTES),
                (&key.map(|k| k.arguments.as_bytes().as_slice()), BYTES),
                (&key.map(|k| millis(k.window_ms)), INT),
                (&compensates, TEXT),
            ],
        )
        .await?;
    // Somebody has just taken the key or the id: the next attempt sees who.
    let row = rows.first().ok_or(StoreError::Raced)?;
    Ok(Committed::Running { fence: Fence(get(row, 0)?), lease_until })
}

pub(super) async fn renew(
    tx: &Tx<'_>,
    run: &RunId,
    fence: Fence,
    lease_ms: u64,
) -> Result<Renewed, Fault> {
    let until = tx.now.plus_millis(millis(lease_ms));
    // A lease that lapsed unnoticed is taken up again: nobody has put the run in doubt.
    let held = tx
        .execute(
            "UPDATE mcp_secure.runs SET lease_until = greatest(lease_until, $1)
             WHERE run_id = $2 AND fence = $3 AND state = 'running'",
            &[(&until.millis(), INT), (&run.to_string(), TEXT), (&fence.number(), INT)],
        )
        .await?;
    Ok(if held == 1 { Renewed::Until(until) } else { Renewed::Lost })
}

/// Writes down the end of one run. `again`: an earlier attempt may have been carried out, so an outcome that reads like
/// this one is this one.
pub(super) async fn finish(tx: &Tx<'_>, ended: &End, again: bool) -> Result<Finished, Fault> {
    let found = rows::run(tx, &ended.run.to_string(), Lock::Hold).await?;
    let Some(row) = found.filter(|row| row.fence == ended.fence.number()) else {
        return Ok(Finished::Refused);
    };
    let end = Ended::of(ended.run, ended.result.clone());
    if row.state == "running" || (row.state == "in_doubt" && end.ends_doubt()) {
        write_end(tx, &row, &end).await?;
        if let Some(id) = &row.approval {
            approvals::ended(tx, id, &end).await?;
        }
        return Ok(Finished::Recorded);
    }
    let settled = end.settled(row.key_window, tx.now)?;
    if again && row.state == settled.state && row.outcome.as_deref() == Some(&settled.outcome) {
        return Ok(Finished::Recorded);
    }
    if row.state != "in_doubt" {
        return Ok(Finished::Refused);
    }
    let late = end.late()?;
    if row.late.is_some() {
        let same = again && row.late.as_deref() == Some(&late);
        return Ok(if same { Finished::Late } else { Finished::Refused });
    }
    tx.execute(
        "UPDATE mcp_secure.runs SET late = $1 WHERE fence = $2",
        &[(&late, TEXT), (&row.fence, INT)],
    )
    .await?;
    Ok(Finished::Late)
}

/// Ends a run that nobody has begun to carry out, if its row is there by now.
pub(super) async fn end_unbegun(tx: &Tx<'_>, id: &RunId) -> Result<bool, Fault> {
    let Some(row) = rows::run(tx, &id.to_string(), Lock::Hold).await? else { return Ok(false) };
    let result = RunResult::NeverBegan { error: "audit_unavailable".to_owned(), answer: None };
    finish(tx, &End { run: *id, fence: Fence(row.fence), result }, false).await?;
    Ok(true)
}

/// Writes the end into a row that is held, and gives back what it frees.
async fn write_end(tx: &Tx<'_>, row: &RunRow, end: &Ended) -> Result<(), Fault> {
    let settled = end.settled(row.key_window, tx.now)?;
    let gives_back = settled.frees && row.key_window.is_some();
    let freed: Option<Vec<u8>> = if gives_back {
        let sql = "SELECT key FROM mcp_secure.runs WHERE fence = $1";
        let rows = tx.query(sql, &[(&row.fence, INT)]).await?;
        rows.first().map(|row| get(row, 0)).transpose()?.flatten()
    } else {
        None
    };
    let changed = tx
        .execute(
            "UPDATE mcp_secure.runs SET state = $1, finished = $2, outcome = $3, answer = $4, key_until = $5,
                rollback = $6, rollback_until = $7, keep_until = $8, key = CASE WHEN $9 THEN NULL ELSE key END,
                key_window = CASE WHEN $9 THEN NULL ELSE key_window END
             WHERE fence = $10 AND state = $11",
            &[
                (&settled.state, TEXT),
                (&tx.now.millis(), INT),
                (&settled.outcome, TEXT),
                (&settled.answer, TEXT),
                (&settled.key_until, INT),
                (&settled.rollback, TEXT),
                (&settled.rollback_until, INT),
                (&settled.keep_until, INT),
                (&settled.frees, FLAG),
                (&row.fence, INT),
                (&row.state, TEXT),
            ],
        )
        .await?;
    if changed != 1 {
        return Err(StoreError::Raced.into());
    }
    if let Some(target) = row.compensates.as_deref().filter(|_| settled.frees) {
        tx.execute(
            "UPDATE mcp_secure.runs SET taken_by = NULL WHERE run_id = $1 AND taken_by = $2",
            &[(&target, TEXT), (&row.run_id, TEXT)],
        )
        .await?;
    }
    if gives_back {
        give_key_back(tx, row.fence, freed).await?;
    }
    Ok(())
}

/// A run that had no effect says nothing of the doubt that its key was taken from: the key goes back to the run in doubt,
/// or to one that a person found done since.
async fn give_key_back(tx: &Tx<'_>, fence: i64, key: Option<Vec<u8>>) -> Result<(), Fault> {
    tx.execute("UPDATE mcp_secure.runs SET lent_key = NULL WHERE fence = $1", &[(&fence, INT)])
        .await?;
    let Some(key) = key else { return Ok(()) };
    // All are held before one is chosen: a person may be resolving one of them.
    let rows = tx
        .query(
            "SELECT fence, state FROM mcp_secure.runs WHERE lent_key = $1 AND state IN ('in_doubt', 'done')
             ORDER BY fence FOR UPDATE",
            &[(&key, BYTES)],
        )
        .await?;
    let mut lent = Vec::new();
    for row in &rows {
        lent.push((get::<String>(row, 1)? == "in_doubt", get::<i64>(row, 0)?));
    }
    if let Some((_, fence)) = lent.into_iter().max() {
        tx.execute(
            "UPDATE mcp_secure.runs SET key = lent_key, lent_key = NULL WHERE fence = $1",
            &[(&fence, INT)],
        )
        .await?;
    }
    Ok(())
}

/// Writes down how a run in doubt was resolved.
pub(super) async fn settle(tx: &Tx<'_>, row: &RunRow, end: &Ended) -> Result<(), Fault> {
    write_end(tx, row, end).await
}

pub(super) async fn resolve(
    tx: &Tx<'_>,
    id: &RunId,
    found: Resolution,
    by: &Party,
) -> Result<Resolved, Fault> {
    let Some(row) = rows::run(tx, &id.to_string(), Lock::Hold).await? else {
        return Ok(Resolved::NotFound);
    };
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
    settle(tx, &row, &end).await?;
    if let Some(approval) = &row.approval {
        approvals::ended(tx, approval, &end).await?;
    }
    let after = rows::run(tx, &id.to_string(), Lock::None).await?.ok_or(StoreError::Raced)?;
    Ok(Resolved::To(after.record()?))
}

/// Puts lapsed runs in doubt and tells of them: a page of them, from the one after the fence `after`. Returns the last fence
/// of a full page.
pub(super) async fn recover(
    tx: &Tx<'_>,
    after: i64,
) -> Result<(Vec<LapsedRun>, Option<i64>), Fault> {
    let due = [(&tx.now.millis() as _, INT), (&after as _, INT), (&SWEEP as _, INT)];
    let found = rows::runs(
        tx,
        "(tell_at <= $1 OR (state = 'running' AND lease_until <= $1)) AND fence > $2 ORDER BY fence LIMIT $3",
        &due,
        Lock::Hold,
    )
    .await?;
    let mut lapsed = Vec::new();
    let mut fences = Vec::new();
    for row in &found {
        match lapse(tx, row).await {
            Ok(told) => {
                if row.state == "running" {
                    doubt(tx, row, &told).await?;
                }
                fences.push(row.fence);
                lapsed.push(told);
            }
            Err(Fault::Final(StoreError::Corrupt(why))) => row.unreadable(&why),
            Err(fault) => return Err(fault),
        }
    }
    if !fences.is_empty() {
        tx.execute(
            "UPDATE mcp_secure.runs SET tell_at = $1 WHERE fence = ANY($2)",
            &[(&told_again(tx.now), INT), (&fences, Type::INT8_ARRAY)],
        )
        .await?;
    }
    let full = i64::try_from(found.len()).is_ok_and(|found| found >= SWEEP);
    Ok((lapsed, found.last().filter(|_| full).map(|row| row.fence)))
}

/// Takes down that the audit holds what was told.
pub(super) async fn told(
    tx: &Tx<'_>,
    runs: &[RunId],
    approvals: &[ApprovalId],
) -> Result<(), Fault> {
    let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
    tx.execute(
        "UPDATE mcp_secure.runs SET tell_at = NULL WHERE run_id = ANY($1)",
        &[(&runs, Type::TEXT_ARRAY)],
    )
    .await?;
    let approvals: Vec<String> = approvals.iter().map(ToString::to_string).collect();
    tx.execute(
        "UPDATE mcp_secure.approvals SET told = true, tell_at = NULL WHERE id = ANY($1)",
        &[(&approvals, Type::TEXT_ARRAY)],
    )
    .await?;
    Ok(())
}

/// What there is to tell of a lapsed run. Only reads: a row that cannot be read is left as it is.
async fn lapse(tx: &Tx<'_>, row: &RunRow) -> Result<LapsedRun, Fault> {
    let told = row.lapsed()?;
    if let Some(id) = &told.approval {
        let found = rows::load(tx, id, Lock::Hold).await?;
        found.ok_or_else(|| damaged("a run's approval is gone"))?;
    }
    Ok(told)
}

/// Puts a lapsed run in doubt.
async fn doubt(tx: &Tx<'_>, row: &RunRow, told: &LapsedRun) -> Result<(), Fault> {
    let why = "the run's lease lapsed without an outcome".to_owned();
    let end = Ended::of(told.run_id, RunResult::Unknown { why });
    write_end(tx, row, &end).await?;
    if let Some(id) = &row.approval {
        approvals::ended(tx, id, &end).await?;
    }
    Ok(())
}

pub(super) async fn by_id(tx: &Tx<'_>, id: &RunId) -> Result<Option<RunRecord>, Fault> {
    let found = rows::run(tx, &id.to_string(), Lock::None).await?;
    Ok(found.map(|row| row.record()).transpose()?)
}

pub(super) async fn list(
    tx: &Tx<'_>,
    filter: &RunFilter,
    limit: u32,
) -> Result<Vec<ListedRun>, Fault> {
    // No text here holds a NUL, and to ask for one is an error.
    if [&filter.tenant, &filter.tool].into_iter().flatten().any(|text| text.contains('\0')) {
        return Ok(Vec::new());
    }
    let limit = limit.min(MAX_LISTED) as usize;
    // The word is one of five, so it can stand in the text, where the partial index is found by it.
    let state = filter.state.map_or(String::new(), |state| format!("AND state = '{state}'"));
    let rest = format!(
        "fence < $1 AND ($2::text IS NULL OR tenant = $2) AND ($3::text IS NULL OR tool = $3) {state} \
         ORDER BY fence DESC LIMIT $4"
    );
    let (mut found, mut before) = (Vec::new(), place(tx, filter).await?);
    // As with requests: a page that is not full is the last one.
    loop {
        let missing = limit - found.len();
        let asked = millis(missing as u64);
        let asked: [Value<'_>; 4] =
            [(&before, INT), (&filter.tenant, TEXT), (&filter.tool, TEXT), (&asked, INT)];
        let rows = rows::runs(tx, &rest, &asked, Lock::None).await?;
        let last = rows.len() < missing;
        for row in rows {
            before = row.fence;
            match row.record() {
                Ok(run) => found.push(ListedRun::Run(run)),
                Err(StoreError::Corrupt(why)) => {
                    let tool = "SELECT tool FROM mcp_secure.runs WHERE fence = $1";
                    let tool = tx.query(tool, &[(&row.fence, INT)]).await?;
                    let tool = tool.first().map(|row| get(row, 0)).transpose()?;
                    let told = row.unlisted(&why, tool.unwrap_or_default());
                    found.extend(told.map(ListedRun::Unreadable));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if last || found.len() == limit {
            return Ok(found);
        }
    }
}

/// Below which fence the list goes on.
async fn place(tx: &Tx<'_>, filter: &RunFilter) -> Result<i64, Fault> {
    let Some((started, id)) = &filter.after else { return Ok(i64::MAX) };
    let by_id = "SELECT fence FROM mcp_secure.runs WHERE run_id = $1";
    if let Some(row) = tx.query(by_id, &[(&id.to_string(), TEXT)]).await?.first() {
        return get(row, 0);
    }
    let by_time = "SELECT max(fence) + 1 FROM mcp_secure.runs WHERE started <= $1";
    let found = tx.query(by_time, &[(&started.millis(), INT)]).await?;
    let fence: Option<Option<i64>> = found.first().map(|row| get(row, 0)).transpose()?;
    Ok(fence.flatten().unwrap_or_default())
}
