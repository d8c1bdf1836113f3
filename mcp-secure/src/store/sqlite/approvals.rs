use super::worker::Tx;
use super::{rows, runs};
use crate::approval::{
    ANSWER_REPEATS_MS, Approval, ApprovalId, Event, NewApproval, Party, State, Vote, VoteRefused,
    count, may_resolve,
};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::judge::{Ended, voiding};
use crate::store::listing::{self, Dialect};
use crate::store::row::{
    MAX_LISTED, RunRow, SWEEP, damaged, shown, told_again, unreadable_approval,
};
use crate::store::{ApprovalFilter, Decided, Moved, Requested, Resolution, StoreError};
use rusqlite::params;

/// A request that stands at `?2`, or whose answer still repeats (decided after `?3`). The states are named first, so that an
/// account which takes back and asks again for the same, over and over, has nobody read all that.
pub(super) const ANSWERS: &str = "effect = ?1 AND state IN ('pending', 'approved', 'running', 'in_doubt', 'done', 'denied') \
    AND ((state IN ('pending', 'approved') AND expires > ?2) \
    OR state IN ('running', 'in_doubt') OR (state IN ('done', 'denied') AND state_at > ?3)) \
    ORDER BY state IN ('done', 'denied'), state_at DESC LIMIT 1";

// Without statistics a range counts as narrower than three equal columns, and the pending requests of everybody would be
// read for those of one. A `+` keeps a condition from being what rows are looked for by.

/// How many requests an account has that wait at `?4`.
pub(super) const PENDING_OF: &str = "SELECT count(*) FROM approvals
    WHERE issuer = ?1 AND subject = ?2 AND tenant = ?3 AND state = 'pending' AND +expires > ?4";
/// The request for an effect that ran out after `?2` and that its requester has not heard of.
pub(super) const UNHEARD: &str = "effect = ?1 AND state = 'expired' AND heard = 0 AND +expires > ?2 \
    ORDER BY state_at DESC LIMIT 1";
pub(super) const HEARD: &str =
    "UPDATE approvals SET heard = 1 WHERE effect = ?1 AND state = 'expired' AND heard = 0";
/// What has run out at `?1` and is not written down so.
pub(super) const OVERDUE: &str =
    "SELECT id FROM approvals WHERE state IN ('pending', 'approved') AND expires <= ?1 LIMIT ?2";
/// What ran out, and the audit does not know.
pub(super) const UNTOLD: &str = "SELECT id FROM approvals INDEXED BY approvals_untold
    WHERE state = 'expired' AND told = 0 AND coalesce(tell_at, 0) <= ?1 LIMIT ?2";

pub(super) fn request(tx: &Tx<'_>, new: NewApproval) -> Result<Requested, StoreError> {
    if let Some(standing) = for_effect(tx, &new.effect)? {
        return Ok(Requested::Existing(standing));
    }
    // What ran out but is not yet written down so would still hold the effect.
    tx.conn
        .prepare_cached(
            "SELECT id FROM approvals WHERE effect = ?1 AND state IN ('pending', 'approved')",
        )?
        .query_map([new.effect.to_hex()], |r| r.get::<_, String>(0))?
        .collect::<Result<Vec<_>, _>>()?
        .iter()
        .try_for_each(|id| expire(tx, id))?;
    if let Some(ran_out) = unheard(tx, &new.effect)? {
        return Ok(Requested::RanOut(ran_out));
    }
    let asks = &new.requester;
    let pending: u32 = rows::first(
        tx.conn,
        PENDING_OF,
        params![asks.issuer, asks.subject, asks.tenant, tx.now.millis()],
    )?
    .unwrap_or(u32::MAX);
    if pending >= new.max_pending {
        return Ok(Requested::TooManyPending(pending));
    }
    Ok(Requested::Created(rows::insert(tx.conn, new, tx.now)?))
}

/// The latest request for `effect`, if it ran out within the last day and its requester has not heard of that.
fn unheard(tx: &Tx<'_>, effect: &Digest) -> Result<Option<Approval>, StoreError> {
    let since = tx.now.plus_millis(-ANSWER_REPEATS_MS).millis();
    let found = rows::select(tx.conn, UNHEARD, params![effect.to_hex(), since])?;
    tx.conn.prepare_cached(HEARD)?.execute([effect.to_hex()])?;
    Ok(found.into_iter().next().map(|approval| shown(approval, tx.now)))
}

pub(super) fn for_effect(tx: &Tx<'_>, effect: &Digest) -> Result<Option<Approval>, StoreError> {
    let since = tx.now.plus_millis(-ANSWER_REPEATS_MS).millis();
    Ok(rows::select(tx.conn, ANSWERS, params![effect.to_hex(), tx.now.millis(), since])?.pop())
}

pub(super) fn by_id(tx: &Tx<'_>, id: &ApprovalId) -> Result<Option<Approval>, StoreError> {
    Ok(rows::load(tx.conn, id)?.map(|found| shown(found, tx.now)))
}

pub(super) fn answer(
    tx: &Tx<'_>,
    id: &ApprovalId,
) -> Result<Option<serde_json::Value>, StoreError> {
    Ok(rows::load(tx.conn, id)?.and_then(|found| found.answer))
}

/// How this database writes what a list asks for.
pub(super) const DIALECT: Dialect =
    Dialect { schema: "", mark: '?', position: "instr", task: "task = 1" };

pub(super) fn list(
    tx: &Tx<'_>,
    filter: &ApprovalFilter,
    limit: u32,
) -> Result<Vec<Approval>, StoreError> {
    let limit = limit.min(MAX_LISTED) as usize;
    let (mut found, mut after) = (Vec::new(), listing::place(filter.after.as_ref()));
    // A row that can not be read is left out, and another takes its place: a page that is not full is the last one.
    loop {
        let missing = limit - found.len();
        let page = listing::page(&DIALECT, filter, tx.now, after.as_ref(), missing);
        let rows = rows::page(tx.conn, &page)?;
        let last = rows.len() < missing;
        for row in rows {
            after = Some((row.created, row.id.clone()));
            let id = row.id.clone();
            match rows::voted(tx.conn, row) {
                Ok(approval) => found.push(shown(approval, tx.now)),
                Err(StoreError::Corrupt(why)) => unreadable_approval(&id, &why),
                Err(error) => return Err(error),
            }
        }
        if last || found.len() == limit {
            return Ok(found);
        }
    }
}

/// Where the `nth` request of a tenant is.
pub(super) fn nth(
    tx: &Tx<'_>,
    tenant: &str,
    after: Option<&(Timestamp, ApprovalId)>,
    nth: u32,
) -> Result<Option<(Timestamp, ApprovalId)>, StoreError> {
    let after = listing::place(after);
    rows::place(tx.conn, &listing::nth(&DIALECT, tenant, after.as_ref(), nth))
}

pub(super) fn decide(
    tx: &Tx<'_>,
    id: &ApprovalId,
    digest: &Digest,
    vote: &Vote,
) -> Result<Decided, StoreError> {
    let Some(seen) = rows::load(tx.conn, id)? else {
        return Ok(Decided::Refused(VoteRefused::NotFound));
    };
    let outcome = match count(&seen, digest, vote, tx.now) {
        Ok(outcome) => outcome,
        Err(why) => return Ok(Decided::Refused(why)),
    };
    rows::insert_vote(tx.conn, &seen, &outcome.vote)?;
    if let Some(next) = &outcome.next {
        rows::advance(tx.conn, &seen, next, tx.now)?;
    }
    let after = rows::load(tx.conn, id)?.ok_or(StoreError::Raced)?;
    Ok(Decided::Counted(shown(after, tx.now)))
}

pub(super) fn withdraw(tx: &Tx<'_>, id: &ApprovalId, by: &Party) -> Result<Moved, StoreError> {
    let own = |a: &Approval| {
        let r = &a.requester;
        r.tenant == by.tenant && r.issuer == by.issuer && r.subject == by.subject
    };
    match rows::load(tx.conn, id)?.filter(own) {
        Some(seen) => step(tx, seen, Event::Withdraw),
        None => Ok(Moved::NotFound),
    }
}

pub(super) fn void(tx: &Tx<'_>, id: &ApprovalId, why: String) -> Result<Moved, StoreError> {
    match rows::load(tx.conn, id)? {
        Some(seen) => step(tx, seen, Event::Void { why }),
        None => Ok(Moved::NotFound),
    }
}

pub(super) fn void_all(
    tx: &Tx<'_>,
    ids: &[ApprovalId],
    why: &str,
) -> Result<Vec<Approval>, StoreError> {
    let mut gone = Vec::new();
    for id in ids {
        let Some(seen) = rows::load(tx.conn, id)? else { continue };
        let event = voiding(&seen, why);
        if let Moved::To(approval) = step(tx, seen, event)? {
            gone.push(approval);
        }
    }
    Ok(gone)
}

pub(super) fn resolve(
    tx: &Tx<'_>,
    id: &ApprovalId,
    found: Resolution,
    by: &Party,
) -> Result<Moved, StoreError> {
    let Some(seen) = rows::load(tx.conn, id)? else { return Ok(Moved::NotFound) };
    let person = match may_resolve(&seen.requester, by) {
        Ok(person) => person.to_owned(),
        Err(VoteRefused::NotFound) => return Ok(Moved::NotFound),
        Err(why) => return Ok(Moved::NotAllowed(why)),
    };
    let State::InDoubt { run, .. } = &seen.state else {
        return step(tx, seen, Event::ResolveDone { person });
    };
    let row = rows::run(tx.conn, &run.to_string())?;
    let late = row.as_ref().map(RunRow::late).unwrap_or_default();
    let end = Ended::resolved(found, person, late);
    let moved = step(tx, seen, end.event.clone())?;
    if let (Moved::To(_), Some(row)) = (&moved, row.filter(|row| row.state == "in_doubt")) {
        repeat_answer(tx, &id.to_string(), end.approved_answer()?)?;
        runs::settle(tx, &row, &end)?;
    }
    Ok(moved)
}

/// Moves a request by one event. An event that does not fit is an answer, and changes nothing.
pub(super) fn step(tx: &Tx<'_>, mut seen: Approval, event: Event) -> Result<Moved, StoreError> {
    match seen.state.after(event, tx.now, seen.expires) {
        Ok(next) => {
            rows::advance(tx.conn, &seen, &next, tx.now)?;
            seen.state = next;
            Ok(Moved::To(Approval { answer: None, ..seen }))
        }
        Err(why) => Ok(Moved::Refused(why)),
    }
}

/// Tells the approval that a run holds, if there is one, how the run ended.
pub(super) fn ended(tx: &Tx<'_>, id: &str, end: &Ended) -> Result<(), StoreError> {
    let id: ApprovalId = id.parse().map_err(|_| damaged("a run names no approval"))?;
    let seen = rows::load(tx.conn, &id)?.ok_or_else(|| damaged("a run's approval is gone"))?;
    // The approval follows its run. Where it does not hold this run, it keeps what it knows.
    if let Moved::To(_) = step(tx, seen, end.event.clone())? {
        repeat_answer(tx, &id.to_string(), end.approved_answer()?)?;
    }
    Ok(())
}

fn repeat_answer(tx: &Tx<'_>, id: &str, answer: Option<String>) -> Result<(), StoreError> {
    if let Some(answer) = answer {
        tx.conn
            .prepare_cached("UPDATE approvals SET answer = ?1 WHERE id = ?2")?
            .execute(params![answer, id])?;
    }
    Ok(())
}

pub(super) fn expire_due(tx: &Tx<'_>) -> Result<Vec<ApprovalId>, StoreError> {
    let now = tx.now.millis();
    ids(tx, OVERDUE, now)?.iter().try_for_each(|id| match expire(tx, id) {
        // Nothing was written: the rest go on.
        Err(StoreError::Corrupt(why)) => {
            unreadable_approval(id, &why);
            Ok(())
        }
        done => done,
    })?;
    let untold = ids(tx, UNTOLD, now)?;
    let mut told = Vec::new();
    for id in &untold {
        let Ok(parsed) = id.parse() else {
            unreadable_approval(id, "an approval has no id");
            continue;
        };
        tx.conn
            .prepare_cached("UPDATE approvals SET tell_at = ?1 WHERE id = ?2")?
            .execute(params![told_again(tx.now), id])?;
        told.push(parsed);
    }
    forget_answers(tx)?;
    Ok(told)
}

/// Drops answers that no longer repeat.
fn forget_answers(tx: &Tx<'_>) -> Result<(), StoreError> {
    let since = tx.now.plus_millis(-ANSWER_REPEATS_MS).millis();
    tx.conn
        .prepare_cached(
            "UPDATE approvals SET answer = NULL WHERE answer IS NOT NULL AND state_at <= ?1",
        )?
        .execute([since])?;
    Ok(())
}

fn ids(tx: &Tx<'_>, sql: &str, now: i64) -> Result<Vec<String>, StoreError> {
    let mut statement = tx.conn.prepare_cached(sql)?;
    let found = statement.query_map([now, SWEEP], |r| r.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}

fn expire(tx: &Tx<'_>, id: &str) -> Result<(), StoreError> {
    let seen = rows::select(tx.conn, "id = ?1", [id])?.pop();
    seen.map_or(Ok(()), |seen| step(tx, seen, Event::Expire).map(drop))
}
