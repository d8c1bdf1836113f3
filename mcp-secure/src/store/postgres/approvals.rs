use super::fault::Fault;
use super::pool::Tx;
use super::rows::{self, INT, Lock, TEXT, get};
use super::{SWEEP, runs};
use crate::approval::{
    ANSWER_REPEATS_MS, Approval, ApprovalId, Event, NewApproval, Party, State, StateKind, Vote,
    VoteRefused, count, may_resolve,
};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::judge::{Ended, voiding};
use crate::store::listing::{self, Dialect};
use crate::store::row::{MAX_LISTED, RunRow, damaged, shown, told_again, unreadable_approval};
use crate::store::{ApprovalFilter, Decided, Moved, Requested, Resolution, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// A request that stands at `$2`, or whose answer still repeats (decided after `$3`).
const ANSWERS: &str = "effect = $1 AND state IN ('pending', 'approved', 'running', 'in_doubt', 'done', 'denied') \
    AND ((state IN ('pending', 'approved') AND expires > $2) \
    OR state IN ('running', 'in_doubt') OR (state IN ('done', 'denied') AND state_at > $3)) \
    ORDER BY state IN ('done', 'denied'), state_at DESC LIMIT 1";

pub(super) async fn request(tx: &Tx<'_>, new: &NewApproval) -> Result<Requested, Fault> {
    let asks = &new.requester;
    // Requests of one account come one after another, over all replicas, so that none slips past the limit.
    let account = [asks.issuer.as_str(), "\n", &asks.subject, "\n", &asks.tenant];
    let account = Digest::of_parts(account.map(str::as_bytes));
    let (half, _) = account.as_bytes().split_at(8);
    let lock = i64::from_be_bytes(half.try_into().unwrap_or_default());
    tx.query("SELECT pg_advisory_xact_lock($1)", &[(&lock, INT)]).await?;
    if let Some(standing) = for_effect(tx, &new.effect).await? {
        return Ok(Requested::Existing(standing));
    }
    let effect = new.effect.to_hex();
    // What ran out but is not yet written down so would still hold the effect.
    let over = "effect = $1 AND state IN ('pending', 'approved')";
    for seen in rows::select(tx, over, &[(&effect, TEXT)], Lock::Hold).await? {
        step(tx, seen, Event::Expire).await?;
    }
    if let Some(ran_out) = unheard(tx, &effect).await? {
        return Ok(Requested::RanOut(ran_out));
    }
    let pending = tx
        .query(
            "SELECT count(*) FROM mcp_secure.approvals
             WHERE issuer = $1 AND subject = $2 AND tenant = $3 AND state = 'pending' AND expires > $4",
            &[
                (&asks.issuer, TEXT),
                (&asks.subject, TEXT),
                (&asks.tenant, TEXT),
                (&tx.now.millis(), INT),
            ],
        )
        .await?;
    let pending = pending.first().map(|row| get::<i64>(row, 0)).transpose()?.unwrap_or(i64::MAX);
    if pending >= i64::from(new.max_pending) {
        return Ok(Requested::TooManyPending(u32::try_from(pending).unwrap_or(u32::MAX)));
    }
    let made = rows::insert(tx, new.clone()).await?;
    // Another account's request for the same effect cannot be: the effect names the account. So it is a race.
    made.map(Requested::Created).ok_or_else(|| StoreError::Raced.into())
}

/// The latest request for `effect`, if it ran out within the last day and its requester has not heard of that.
async fn unheard(tx: &Tx<'_>, effect: &str) -> Result<Option<Approval>, Fault> {
    let since = tx.now.plus_millis(-ANSWER_REPEATS_MS).millis();
    let found = rows::select(
        tx,
        "effect = $1 AND state = 'expired' AND NOT heard AND expires > $2 ORDER BY state_at DESC LIMIT 1",
        &[(&effect, TEXT), (&since, INT)],
        Lock::None,
    )
    .await?;
    tx.execute(
        "UPDATE mcp_secure.approvals SET heard = true WHERE effect = $1 AND state = 'expired' AND NOT heard",
        &[(&effect, TEXT)],
    )
    .await?;
    Ok(found.into_iter().next().map(|approval| shown(approval, tx.now)))
}

pub(super) async fn for_effect(tx: &Tx<'_>, effect: &Digest) -> Result<Option<Approval>, Fault> {
    let since = tx.now.plus_millis(-ANSWER_REPEATS_MS).millis();
    let values = [(&effect.to_hex() as _, TEXT), (&tx.now.millis() as _, INT), (&since as _, INT)];
    Ok(rows::select(tx, ANSWERS, &values, Lock::None).await?.pop())
}

pub(super) async fn by_id(tx: &Tx<'_>, id: &ApprovalId) -> Result<Option<Approval>, Fault> {
    Ok(rows::load(tx, id, Lock::None).await?.map(|found| shown(found, tx.now)))
}

pub(super) async fn answer(
    tx: &Tx<'_>,
    id: &ApprovalId,
) -> Result<Option<serde_json::Value>, Fault> {
    Ok(rows::load(tx, id, Lock::None).await?.and_then(|found| found.answer))
}

/// How this database writes what a list asks for.
const DIALECT: Dialect =
    Dialect { schema: "mcp_secure.", mark: '$', position: "strpos", task: "task" };

pub(super) async fn list(
    tx: &Tx<'_>,
    filter: &ApprovalFilter,
    limit: u32,
) -> Result<Vec<Approval>, Fault> {
    // No text here holds a NUL, and to ask for one is an error.
    if [&filter.tenant, &filter.tool].into_iter().flatten().any(|text| text.contains('\0')) {
        return Ok(Vec::new());
    }
    let limit = limit.min(MAX_LISTED) as usize;
    let (mut found, mut after) = (Vec::new(), listing::place(filter.after.as_ref()));
    // A row that can not be read is left out, and another takes its place: a page that is not full is the last one.
    loop {
        let missing = limit - found.len();
        let page = listing::page(&DIALECT, filter, tx.now, after.as_ref(), missing);
        let rows = rows::page(tx, &page).await?;
        let last = rows.len() < missing;
        for (row, votes) in rows {
            after = Some((row.created, row.id.clone()));
            let id = row.id.clone();
            match votes.and_then(|votes| row.approval(votes)) {
                Ok(approval) => found.push(shown(approval, tx.now)),
                Err(StoreError::Corrupt(why)) => unreadable_approval(&id, &why),
                Err(error) => return Err(error.into()),
            }
        }
        if last || found.len() == limit {
            return Ok(found);
        }
    }
}

/// Where the `nth` request of a tenant is.
pub(super) async fn nth(
    tx: &Tx<'_>,
    tenant: &str,
    after: Option<&(Timestamp, ApprovalId)>,
    nth: u32,
) -> Result<Option<(Timestamp, ApprovalId)>, Fault> {
    if tenant.contains('\0') {
        return Ok(None);
    }
    let after = listing::place(after);
    rows::place(tx, &listing::nth(&DIALECT, tenant, after.as_ref(), nth)).await
}

pub(super) async fn decide(
    tx: &Tx<'_>,
    id: &ApprovalId,
    digest: &Digest,
    vote: &Vote,
) -> Result<Decided, Fault> {
    let Some(seen) = rows::load(tx, id, Lock::Hold).await? else {
        return Ok(Decided::Refused(VoteRefused::NotFound));
    };
    let outcome = match count(&seen, digest, vote, tx.now) {
        Ok(outcome) => outcome,
        Err(why) => return Ok(Decided::Refused(why)),
    };
    rows::insert_vote(tx, &seen, &outcome.vote).await?;
    if let Some(next) = &outcome.next {
        rows::advance(tx, &seen, next).await?;
    }
    let after = rows::load(tx, id, Lock::None).await?.ok_or(StoreError::Raced)?;
    Ok(Decided::Counted(shown(after, tx.now)))
}

pub(super) async fn withdraw(tx: &Tx<'_>, id: &ApprovalId, by: &Party) -> Result<Moved, Fault> {
    let own = |a: &Approval| {
        let r = &a.requester;
        r.tenant == by.tenant && r.issuer == by.issuer && r.subject == by.subject
    };
    match rows::load(tx, id, Lock::Hold).await?.filter(own) {
        Some(seen) => step(tx, seen, Event::Withdraw).await,
        None => Ok(Moved::NotFound),
    }
}

pub(super) async fn void(tx: &Tx<'_>, id: &ApprovalId, why: &str) -> Result<Moved, Fault> {
    match rows::load(tx, id, Lock::Hold).await? {
        Some(seen) => step(tx, seen, Event::Void { why: why.to_owned() }).await,
        None => Ok(Moved::NotFound),
    }
}

pub(super) async fn void_all(
    tx: &Tx<'_>,
    ids: &[ApprovalId],
    why: &str,
) -> Result<Vec<Approval>, Fault> {
    let mut gone = Vec::new();
    for id in ids {
        let Some(seen) = rows::load(tx, id, Lock::Hold).await? else { continue };
        let event = voiding(&seen, why);
        if let Moved::To(approval) = step(tx, seen, event).await? {
            gone.push(approval);
        }
    }
    Ok(gone)
}

pub(super) async fn resolve(
    tx: &Tx<'_>,
    id: &ApprovalId,
    found: Resolution,
    by: &Party,
) -> Result<Moved, Fault> {
    // Runs are always locked before their approvals, so that nobody waits for each other.
    let run = match rows::load(tx, id, Lock::None).await?.map(|seen| seen.state) {
        Some(State::InDoubt { run, .. }) => rows::run(tx, &run.to_string(), Lock::Hold).await?,
        _ => None,
    };
    let Some(seen) = rows::load(tx, id, Lock::Hold).await? else { return Ok(Moved::NotFound) };
    let person = match may_resolve(&seen.requester, by) {
        Ok(person) => person.to_owned(),
        Err(VoteRefused::NotFound) => return Ok(Moved::NotFound),
        Err(why) => return Ok(Moved::NotAllowed(why)),
    };
    if seen.state.kind() != StateKind::InDoubt {
        return step(tx, seen, Event::ResolveDone { person }).await;
    }
    let late = run.as_ref().map(RunRow::late).unwrap_or_default();
    let end = Ended::resolved(found, person, late);
    let moved = step(tx, seen, end.event.clone()).await?;
    if let (Moved::To(_), Some(row)) = (&moved, run.filter(|row| row.state == "in_doubt")) {
        repeat_answer(tx, &id.to_string(), end.approved_answer()?).await?;
        runs::settle(tx, &row, &end).await?;
    }
    Ok(moved)
}

/// Moves a request by one event. An event that does not fit is an answer, and changes nothing.
pub(super) async fn step(tx: &Tx<'_>, mut seen: Approval, event: Event) -> Result<Moved, Fault> {
    match seen.state.after(event, tx.now, seen.expires) {
        Ok(next) => {
            rows::advance(tx, &seen, &next).await?;
            seen.state = next;
            Ok(Moved::To(Approval { answer: None, ..seen }))
        }
        Err(why) => Ok(Moved::Refused(why)),
    }
}

/// Tells the approval that a run holds how the run ended.
pub(super) async fn ended(tx: &Tx<'_>, id: &str, end: &Ended) -> Result<(), Fault> {
    let id: ApprovalId = id.parse().map_err(|_| damaged("a run names no approval"))?;
    let seen = rows::load(tx, &id, Lock::Hold)
        .await?
        .ok_or_else(|| damaged("a run's approval is gone"))?;
    // The approval follows its run. Where it does not hold this run, it keeps what it knows.
    if let Moved::To(_) = step(tx, seen, end.event.clone()).await? {
        repeat_answer(tx, &id.to_string(), end.approved_answer()?).await?;
    }
    Ok(())
}

async fn repeat_answer(tx: &Tx<'_>, id: &str, answer: Option<String>) -> Result<(), Fault> {
    if let Some(answer) = answer {
        tx.execute(
            "UPDATE mcp_secure.approvals SET answer = $1 WHERE id = $2",
            &[(&answer, TEXT), (&id, TEXT)],
        )
        .await?;
    }
    Ok(())
}

/// Writes down what ran out: a page of it, from the one after the request called `after`. Returns the last of a full page.
pub(super) async fn expire(tx: &Tx<'_>, after: &str) -> Result<Option<String>, Fault> {
    let due = tx
        .query(
            "SELECT id FROM mcp_secure.approvals WHERE state IN ('pending', 'approved') AND expires <= $1 AND id > $2
             ORDER BY id LIMIT $3 FOR UPDATE",
            &[(&tx.now.millis(), INT), (&after, TEXT), (&SWEEP, INT)],
        )
        .await?;
    for row in &due {
        let id: String = get(row, 0)?;
        match rows::select(tx, "id = $1", &[(&id, TEXT)], Lock::Hold).await {
            Ok(found) => {
                for seen in found {
                    step(tx, seen, Event::Expire).await?;
                }
            }
            Err(Fault::Final(StoreError::Corrupt(why))) => unreadable_approval(&id, &why),
            Err(fault) => return Err(fault),
        }
    }
    last_of(&due)
}

/// A page of the requests that ran out and that nobody has put on record, and the last of a full page.
pub(super) async fn untold(
    tx: &Tx<'_>,
    after: &str,
) -> Result<(Vec<ApprovalId>, Option<String>), Fault> {
    let untold = tx
        .query(
            "SELECT id FROM mcp_secure.approvals
             WHERE state = 'expired' AND told = false AND coalesce(tell_at, 0) <= $1 AND id > $2
             ORDER BY id LIMIT $3 FOR UPDATE",
            &[(&tx.now.millis(), INT), (&after, TEXT), (&SWEEP, INT)],
        )
        .await?;
    let (mut told, mut ids) = (Vec::new(), Vec::new());
    for row in &untold {
        let id: String = get(row, 0)?;
        match id.parse() {
            Ok(parsed) => {
                told.push(parsed);
                ids.push(id);
            }
            Err(_) => unreadable_approval(&id, "an approval has no id"),
        }
    }
    if !ids.is_empty() {
        tx.execute(
            "UPDATE mcp_secure.approvals SET tell_at = $1 WHERE id = ANY($2)",
            &[(&told_again(tx.now), INT), (&ids, Type::TEXT_ARRAY)],
        )
        .await?;
    }
    Ok((told, last_of(&untold)?))
}

/// The id in the last row, where there may be more rows.
fn last_of(rows: &[Row]) -> Result<Option<String>, Fault> {
    let full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= SWEEP);
    rows.last().filter(|_| full).map(|row| get(row, 0)).transpose()
}

/// Drops the answers that no longer repeat.
pub(super) async fn forget_answers(tx: &Tx<'_>) -> Result<(), Fault> {
    let since = tx.now.plus_millis(-ANSWER_REPEATS_MS).millis();
    tx.execute(
        "UPDATE mcp_secure.approvals SET answer = NULL WHERE answer IS NOT NULL AND state_at <= $1",
        &[(&since, INT)],
    )
    .await?;
    Ok(())
}
