//! What both databases decide alike: pure functions over what was read, so that the rules exist once.

use super::row::{Late, Outcome, RunRow, json, millis};
use crate::approval::{ANSWER_REPEATS_MS, Approval, Event, Party, State};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::{
    CommitRefused, NewKey, NewRollback, NewRun, Resolution, RollbackRefused, RunId, RunResult,
    RunState, StoreError,
};
use serde_json::Value;

/// Whether the approval is for this very call. Compared here as well as by digest: an approval must not fit a call by
/// the digest alone if a caller ever computed it wrongly.
pub(super) fn fits(
    approval: &Approval,
    digest: &Digest,
    run: &NewRun,
) -> Result<(), CommitRefused> {
    let asked = &approval.requester;
    if !same_account(asked, &run.caller) {
        return Err(CommitRefused::ApprovalNotFound);
    }
    if approval.effect != *digest || approval.effect != run.effect || approval.tool != run.tool {
        return Err(CommitRefused::StaleDigest);
    }
    if asked.client != run.caller.client {
        return Err(CommitRefused::OtherClient);
    }
    Ok(())
}

fn same_account(a: &Party, b: &Party) -> bool {
    a.tenant == b.tenant && a.issuer == b.issuer && a.subject == b.subject
}

/// What makes a request useless, as it stands.
pub(super) fn voiding(approval: &Approval, why: &str) -> Event {
    match approval.state {
        State::Pending => Event::Withdraw,
        _ => Event::Void { why: why.to_owned() },
    }
}

/// Whether `caller` may take the key away from the run that holds it.
pub(super) fn gives_way(
    holder: &RunRow,
    new: &NewKey,
    caller: &Party,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(match holder.state()? {
        RunState::Running => false,
        // The row keeps its doubt; only the key moves on.
        RunState::InDoubt => {
            new.rerun
                && holder.arguments()? == new.arguments
                && same_account(&holder.caller()?, caller)
        }
        RunState::Done | RunState::Failed | RunState::NoEffect => {
            holder.key_until.is_some_and(|until| until <= now.millis())
        }
    })
}

/// Whether `caller` may roll `target` back.
pub(super) fn may_roll_back(
    target: Option<&RunRow>,
    caller: &Party,
    now: Timestamp,
) -> Result<Result<(), RollbackRefused>, StoreError> {
    let Some(target) = target else { return Ok(Err(RollbackRefused::NotFound)) };
    let (state, owner) = (target.state()?, target.caller()?);
    Ok(match target.rollback_until {
        _ if owner.tenant != caller.tenant => Err(RollbackRefused::NotFound),
        _ if state != RunState::Done => Err(RollbackRefused::NotDone),
        None => Err(RollbackRefused::NotOffered),
        Some(_) if target.taken_by.is_some() => Err(RollbackRefused::Taken),
        Some(until) if until <= now.millis() => Err(RollbackRefused::Expired),
        Some(_) => Ok(()),
    })
}

/// What the end of a run means for its row and for its approval.
pub(super) struct Ended {
    pub(super) state: RunState,
    pub(super) outcome: Outcome,
    pub(super) event: Event,
    answer: Option<Value>,
    rollback: Option<NewRollback>,
}

impl Ended {
    pub(super) fn of(run: RunId, result: RunResult) -> Self {
        match result {
            RunResult::Done { result, answer, rollback } => Self {
                state: RunState::Done,
                outcome: Outcome::Done { result },
                event: Event::Finish { run, result },
                answer,
                rollback,
            },
            RunResult::Failed { error, answer } => Self {
                state: RunState::Failed,
                outcome: Outcome::Failed { error: error.clone() },
                event: Event::Fail { run, error },
                answer,
                rollback: None,
            },
            RunResult::NoEffect { error, answer } => Self {
                state: RunState::NoEffect,
                outcome: Outcome::NoEffect { error: error.clone() },
                event: Event::Fail { run, error },
                answer,
                rollback: None,
            },
            RunResult::NeverBegan { error, answer } => Self {
                state: RunState::NoEffect,
                outcome: Outcome::NoEffect { error: error.clone() },
                event: Event::NeverBegan { run, why: error },
                answer,
                rollback: None,
            },
            RunResult::Unknown { why } => Self {
                state: RunState::InDoubt,
                outcome: Outcome::Unknown { why: why.clone() },
                event: Event::Doubt { run, why },
                answer: None,
                rollback: None,
            },
        }
    }

    /// What a person found out about a run in doubt, with what the run itself has told too late.
    pub(super) fn resolved(found: Resolution, person: String, late: Late) -> Self {
        let by = person.clone();
        match found {
            Resolution::Done => Self {
                state: RunState::Done,
                outcome: Outcome::Resolved { by, error: None },
                event: Event::ResolveDone { person },
                // What it told of a failure is no answer of a call that was carried out.
                answer: late.answer.filter(|_| matches!(late.outcome, Some(Outcome::Done { .. }))),
                rollback: late
                    .rollback
                    .map(|(output, within_ms)| NewRollback { output, within_ms }),
            },
            Resolution::NotDone => Self {
                state: RunState::NoEffect,
                outcome: Outcome::Resolved {
                    by,
                    error: Some("a person found that it was not done".to_owned()),
                },
                event: Event::ResolveNotDone { person },
                answer: None,
                rollback: None,
            },
        }
    }

    /// Whether it stands though the run is in doubt. Every other end comes too late then, and is left to a person.
    pub(super) const fn ends_doubt(&self) -> bool {
        matches!(self.event, Event::NeverBegan { .. })
    }

    /// The text of the `late` column.
    pub(super) fn late(self) -> Result<String, StoreError> {
        json(&Late {
            outcome: Some(self.outcome),
            answer: self.answer,
            rollback: self.rollback.map(|r| (r.output, r.within_ms)),
        })
    }

    /// The text of the answer that the approval keeps: what a done one repeats, and what whoever waits for a failed one
    /// hears of it.
    pub(super) fn approved_answer(&self) -> Result<Option<String>, StoreError> {
        match self.state {
            RunState::Done | RunState::Failed | RunState::NoEffect => {
                self.answer.as_ref().map(json).transpose()
            }
            RunState::Running | RunState::InDoubt => Ok(None),
        }
    }

    /// What is written into the row at `now`, for a run that holds a key for `key_window` milliseconds after its end.
    pub(super) fn settled(
        &self,
        key_window: Option<i64>,
        now: Timestamp,
    ) -> Result<Settled, StoreError> {
        let over = self.state != RunState::InDoubt;
        let holds_key = self.state != RunState::NoEffect && key_window.is_some();
        let key_until =
            key_window.filter(|_| over && holds_key).map(|window| now.plus_millis(window).millis());
        let rollback_until =
            self.rollback.as_ref().map(|r| now.plus_millis(millis(r.within_ms)).millis());
        let keep = now.plus_millis(ANSWER_REPEATS_MS).millis();
        let keep = keep.max(key_until.unwrap_or(keep)).max(rollback_until.unwrap_or(keep));
        Ok(Settled {
            state: self.state.as_str(),
            outcome: json(&self.outcome)?,
            answer: self.answer.as_ref().filter(|_| holds_key).map(json).transpose()?,
            key_until,
            frees: self.state == RunState::NoEffect,
            rollback: self.rollback.as_ref().map(|r| json(&r.output)).transpose()?,
            rollback_until,
            keep_until: over.then_some(keep),
        })
    }
}

/// The columns that change when a run ends.
pub(super) struct Settled {
    pub(super) state: &'static str,
    pub(super) outcome: String,
    pub(super) answer: Option<String>,
    pub(super) key_until: Option<i64>,
    /// Nothing happened: the key and the right to roll back come free.
    pub(super) frees: bool,
    pub(super) rollback: Option<String>,
    pub(super) rollback_until: Option<i64>,
    /// When the row may be dropped. `None`: never.
    pub(super) keep_until: Option<i64>,
}
