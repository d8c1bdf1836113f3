use super::worker::Tx;
use super::{approvals, rows};
use crate::approval::{Approval, Event, Party, TransitionRefused};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::{
    CommitRefused, Committed, Fence, Finished, LapsedRun, Moved, NewRun, Renewed, RunId, RunResult,
    StoreError,
};
use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How many lapsed runs one sweep takes.
const SWEEP: i64 = 500;

/// What never changes about a run, as the `run` column holds it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    request_id: String,
    tool: String,
    effect: Digest,
    caller: Party,
    mutating: bool,
}

pub(super) fn commit(tx: &Tx<'_>, run: NewRun) -> Result<Committed, StoreError> {
    let taken: Option<i64> =
        rows::first(tx.conn, "SELECT fence FROM runs WHERE run_id = ?1", [run.run_id.to_string()])?;
    if taken.is_some() {
        return Ok(Committed::Refused(CommitRefused::AlreadyRunning));
    }
    if let Some((id, digest)) = &run.approval {
        let Some(seen) = rows::load(tx.conn, id)? else {
            return Ok(Committed::Refused(CommitRefused::ApprovalNotFound));
        };
        if let Err(why) = fits(&seen, digest, &run) {
            return Ok(Committed::Refused(why));
        }
        match approvals::step(tx, seen, Event::Start { run: run.run_id })? {
            Moved::To(_) => {}
            Moved::Refused(TransitionRefused::From(state)) => {
                return Ok(Committed::Refused(CommitRefused::ApprovalNotApproved(state)));
            }
            Moved::Refused(_) => return Ok(Committed::Refused(CommitRefused::ApprovalExpired)),
            Moved::NotFound | Moved::NotAllowed(_) => {
                return Ok(Committed::Refused(CommitRefused::ApprovalNotFound));
            }
        }
    }
    let lease_until = tx.now.plus_millis(rows::millis(run.lease_ms));
    let call = Call {
        request_id: run.request_id,
        tool: run.tool,
        effect: run.effect,
        caller: run.caller,
        mutating: run.mutating,
    };
    tx.conn
        .prepare_cached(
            "INSERT INTO runs (run_id, approval, run, started, lease_until, state)
             VALUES (?1, ?2, ?3, ?4, ?5, 'running')",
        )?
        .execute(params![
            run.run_id.to_string(),
            run.approval.map(|(id, _)| id.to_string()),
            rows::json(&call)?,
            tx.now.millis(),
            lease_until.millis(),
        ])?;
    Ok(Committed::Running { fence: Fence(tx.conn.last_insert_rowid()), lease_until })
}

/// Whether the approval is for this very call. Compared here as well as by digest: an approval must not fit a call by
/// the digest alone if a caller ever computed it wrongly.
fn fits(approval: &Approval, digest: &Digest, run: &NewRun) -> Result<(), CommitRefused> {
    let (asked, calls) = (&approval.requester, &run.caller);
    if asked.tenant != calls.tenant
        || asked.issuer != calls.issuer
        || asked.subject != calls.subject
    {
        return Err(CommitRefused::ApprovalNotFound);
    }
    if approval.effect != *digest || approval.effect != run.effect || approval.tool != run.tool {
        return Err(CommitRefused::StaleDigest);
    }
    if asked.client != calls.client {
        return Err(CommitRefused::OtherClient);
    }
    Ok(())
}

pub(super) fn renew(
    tx: &Tx<'_>,
    run: &RunId,
    fence: Fence,
    lease_ms: u64,
) -> Result<Renewed, StoreError> {
    let until = tx.now.plus_millis(rows::millis(lease_ms));
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
    let ended = Ended::of(*run, result)?;
    let row = tx
        .conn
        .prepare_cached("SELECT state, approval FROM runs WHERE run_id = ?1 AND fence = ?2")?
        .query_row(params![run.to_string(), fence.number()], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, Option<String>>(1)?))
        })
        .optional()?;
    let Some((state, approval)) = row else { return Ok(Finished::Refused) };
    if state == "in_doubt" {
        let kept = tx
            .conn
            .prepare_cached("UPDATE runs SET late = ?1 WHERE fence = ?2 AND state = 'in_doubt' AND late IS NULL")?
            .execute(params![ended.outcome, fence.number()])?;
        return Ok(if kept == 1 { Finished::Late } else { Finished::Refused });
    }
    let changed = tx
        .conn
        .prepare_cached(
            "UPDATE runs SET state = ?1, finished = ?2, outcome = ?3 WHERE fence = ?4 AND state = 'running'",
        )?
        .execute(params![ended.state, tx.now.millis(), ended.outcome, fence.number()])?;
    if changed != 1 {
        return Ok(Finished::Refused);
    }
    if let Some(id) = approval {
        approvals::ended(tx, &id, ended.event, ended.answer.as_deref())?;
    }
    Ok(Finished::Recorded)
}

/// What the end of a run means for its row and for its approval.
struct Ended {
    state: &'static str,
    outcome: String,
    event: Event,
    answer: Option<String>,
}

impl Ended {
    fn of(run: RunId, result: RunResult) -> Result<Self, StoreError> {
        let (state, outcome, event, answer) = match result {
            RunResult::Done { result, answer } => {
                let answer = answer.map(|a| rows::json(&a)).transpose()?;
                ("done", json!({"done": {"result": result}}), Event::Finish { run, result }, answer)
            }
            RunResult::Failed { error } => {
                ("failed", json!({"failed": {"error": error}}), Event::Fail { run, error }, None)
            }
            RunResult::NoEffect { error } => (
                "no_effect",
                json!({"no_effect": {"error": error}}),
                Event::Fail { run, error },
                None,
            ),
            RunResult::Unknown { why } => {
                ("in_doubt", json!({"unknown": {"why": why}}), Event::Doubt { run, why }, None)
            }
        };
        Ok(Self { state, outcome: rows::json(&outcome)?, event, answer })
    }
}

pub(super) fn recover(tx: &Tx<'_>) -> Result<Vec<LapsedRun>, StoreError> {
    let mut statement = tx.conn.prepare_cached(
        "SELECT run_id, approval, run, started, lease_until FROM runs
         WHERE state = 'running' AND lease_until <= ?1 ORDER BY fence LIMIT ?2",
    )?;
    let mut found = statement.query([tx.now.millis(), SWEEP])?;
    let mut lapsed = Vec::new();
    while let Some(row) = found.next()? {
        let run_id: String = row.get(0)?;
        let approval: Option<String> = row.get(1)?;
        let call: Call = rows::parse(&row.get::<_, String>(2)?)?;
        lapsed.push(LapsedRun {
            run_id: run_id.parse().map_err(|_| rows::damaged("a run has no id"))?,
            request_id: call.request_id,
            tool: call.tool,
            effect: call.effect,
            caller: call.caller,
            mutating: call.mutating,
            approval: approval.as_deref().and_then(|id| id.parse().ok()),
            started: Timestamp::from_millis(row.get(3)?),
            lease_until: Timestamp::from_millis(row.get(4)?),
        });
    }
    for run in &lapsed {
        doubt(tx, run)?;
    }
    Ok(lapsed)
}

fn doubt(tx: &Tx<'_>, run: &LapsedRun) -> Result<(), StoreError> {
    let changed = tx
        .conn
        .prepare_cached("UPDATE runs SET state = 'in_doubt', finished = ?1 WHERE run_id = ?2 AND state = 'running'")?
        .execute(params![tx.now.millis(), run.run_id.to_string()])?;
    if changed != 1 {
        return Err(StoreError::Raced);
    }
    if let Some(id) = &run.approval {
        let why = "the run's lease lapsed without an outcome".to_owned();
        approvals::ended(tx, &id.to_string(), Event::Doubt { run: run.run_id, why }, None)?;
    }
    Ok(())
}
