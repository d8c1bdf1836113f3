//! Stages 9 to 11: run the body, look at what it returned, record how it ended, answer.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jsonschema::Validator;
use tokio_util::sync::CancellationToken;

use super::approve::Approved;
use super::authorise::Permitted;
use super::call::Answer;
use super::commit::{Purpose, Ready, Running};
use super::gate::Gate;
use super::idempotency::kept_refusal;
use super::limits::Slot;
use super::record::{Trail, note, withheld};
use super::refusal::{Code, Refusal};
use super::rollback::offered;
use super::table::Served;
use super::witness::Clearance;
use crate::audit::{AuditError, Event, Executed, OutcomeNote};
use crate::guard::{self, Checked};
use crate::store::{Fence, Finished, Renewed, RunId, RunResult};
use crate::tool::{Output, ToolError};

/// How long an answer waits for the store to take down the end of its run.
const FINISH_WITHIN: Duration = Duration::from_secs(5);
/// How long after it could not be recorded how a run ended it is looked again whether it is.
const RECORD_AGAIN: Duration = Duration::from_millis(500);

impl Gate {
    /// Runs a body that holds nothing that can write. It may be dropped at any time.
    pub(super) async fn read(
        &self,
        tool: &Served,
        approved: Approved,
        slot: Slot,
        mut trail: Trail,
    ) -> Answer {
        trail.begins();
        let Permitted { caller, cancelled, prepared, .. } = approved.permitted;
        let body = prepared.body();
        // Entered within what catches a panic.
        let body = async move { body(Clearance::grant(), caller).await };
        let ended = bounded(tool, &cancelled, body).await;
        drop(slot);
        let ended = ended.and_then(|output| guarded(tool, tool.output.as_ref(), output));
        let record = trail.end(Event::Read, outcome(&ended));
        let executed = executed(&ended);
        match self.audit.queued_in_turn(record).await {
            Ok(()) => answer(&trail, ended),
            // Nothing is shown that no record tells of, but whether something ran.
            Err(error) => answer(&trail, Err(withheld(&error).executed(executed))),
        }
    }

    /// Commits to a body that may write, and runs it in a task of its own: a client that goes away can signal it but
    /// never drop it.
    pub(super) async fn mutate(
        self: &Arc<Self>,
        tool: &Arc<Served>,
        ready: Ready,
        slot: Slot,
        mut trail: Trail,
    ) -> Answer {
        let gate = Arc::clone(self);
        let tool = Arc::clone(tool);
        let limit = Duration::from_millis(tool.spec.limits.timeout_ms);
        let cancelled = ready.cancelled.clone();
        let request_id = trail.request_id();
        // Set by the task once the body may have begun: before that a caller who gives up has changed nothing.
        let begun = CancellationToken::new();
        let begins = begun.clone();
        let mut task = {
            let tool = Arc::clone(&tool);
            self.running.spawn(async move {
                match gate.commit(&tool, ready, &mut trail).await {
                    Ok(running) => gate.carry_out(&tool, running, slot, trail, begins).await,
                    Err(stopped) => gate.refuse_intended(trail, stopped),
                }
            })
        };
        let late = async {
            begun.cancelled().await;
            tokio::time::sleep(limit).await;
        };
        // The answer the caller gets now; the task goes on and records how the call really ended.
        let refusal = tokio::select! {
            biased;
            ended = &mut task => return match ended {
                Ok(answer) => answer,
                Err(_) => Answer::Refused {
                    request_id,
                    refusal: Box::new(panicked()),
                },
            },
            () = late => too_slow(&tool, Executed::Unknown),
            () = cancelled.cancelled() => gave_up(Executed::Unknown),
        };
        cancelled.cancel();
        Answer::Refused { request_id, refusal: Box::new(refusal) }
    }

    /// The body and everything after it, for a call that is committed.
    async fn carry_out(
        self: &Arc<Self>,
        tool: &Served,
        running: Running,
        slot: Slot,
        mut trail: Trail,
        begins: CancellationToken,
    ) -> Answer {
        let Running { clearance, body, caller, cancelled, run, fence, purpose, room } = running;
        begins.cancel();
        trail.begins();
        let holding = self.held.add(run, fence);
        let mut hold = std::pin::pin!(self.hold(&run, fence, &cancelled));
        let mut body = tokio::spawn(body(clearance, caller));
        let ended = tokio::select! {
            biased;
            ended = &mut body => ended,
            never = &mut hold => match never {},
        };
        drop(slot);
        let ended = match ended {
            Ok(returned) => returned.map_err(|error| failed(&error)),
            Err(_) => Err(panicked()),
        };
        // What takes an effect back returns what it likes; the schema is the tool's own.
        let schema = match purpose {
            Purpose::Call { .. } => tool.output.as_ref(),
            Purpose::Rollback { .. } => None,
        };
        let ended = ended.and_then(|output| guarded(tool, schema, output));
        // The outcome is durable before the approval's request is closed: what is closed is recorded.
        let recording = room.durable(trail.end(Event::Outcome, outcome(&ended)));
        let recorded = tokio::select! {
            biased;
            recorded = recording => recorded,
            never = &mut hold => match never {},
        };
        let result = result(tool, purpose, &ended);
        if recorded.is_ok() {
            self.finish(&run, fence, result).await;
        } else {
            let gate = Arc::clone(self);
            self.running.spawn(async move {
                gate.finish_once_recorded(run, fence, result).await;
                drop(holding);
            });
        }
        match recorded {
            Ok(_) => answer(&trail, ended),
            Err(error) => answer(&trail, Err(unrecorded(&error, &ended))),
        }
    }
}

impl Gate {
    /// Writes down how a run ended, which is on record.
    async fn finish(&self, run: &RunId, fence: Fence, result: RunResult) {
        let finishing = self.store.finish_run(run, fence, result);
        // The answer is on record, so it is not held back for long by a store that hangs; what was handed in is carried out.
        match tokio::time::timeout(FINISH_WITHIN, finishing).await {
            Ok(Ok(Finished::Recorded)) => {}
            Ok(Ok(Finished::Late | Finished::Refused)) => {
                tracing::error!(run_id = %run, "a run ended after it was given up for lost; a person has to resolve it");
            }
            Ok(Err(error)) => {
                tracing::error!(%error, run_id = %run, "the end of a run could not be written down; it will be in doubt");
            }
            Err(_) => {
                tracing::error!(run_id = %run, "the store hangs; unless it comes round, this run will be in doubt");
            }
        }
    }

    /// Holds a run that has ended until that is on record, and then writes it down. If this process dies first the lease
    /// lapses, and the record tells of a doubt instead of nothing.
    async fn finish_once_recorded(&self, run: RunId, fence: Fence, result: RunResult) {
        let recorded = async {
            loop {
                // The record keeps the outcome and writes it before anything that comes later.
                match self.audit.flush().await {
                    Ok(()) => return true,
                    Err(AuditError::Closed) => return false,
                    Err(_) => tokio::time::sleep(RECORD_AGAIN).await,
                }
            }
        };
        // There is nothing left that could be told to stop.
        let ended = CancellationToken::new();
        let recorded = tokio::select! {
            biased;
            recorded = recorded => recorded,
            never = self.hold(&run, fence, &ended) => match never {},
        };
        if recorded {
            self.finish(&run, fence, result).await;
        }
    }

    /// Holds a run's lease for as long as this is polled. A body that has lost it is told to stop.
    async fn hold(&self, run: &RunId, fence: Fence, cancelled: &CancellationToken) -> Infallible {
        loop {
            tokio::time::sleep(self.settings.lease / 3).await;
            match self.store.renew(run, fence, self.lease_ms()).await {
                Ok(Renewed::Until(_)) => {}
                Ok(Renewed::Lost) => {
                    tracing::error!(run_id = %run, "a run has lost its lease; it is told to stop");
                    cancelled.cancel();
                }
                // A lease that cannot be renewed lapses, and the run is then in doubt until its task says more.
                Err(error) => {
                    tracing::warn!(%error, run_id = %run, "the lease of a run could not be renewed");
                }
            }
        }
    }
}

/// Runs what holds nothing that can write: it is dropped when it takes too long or nobody waits any more.
pub(super) async fn bounded(
    tool: &Served,
    cancelled: &CancellationToken,
    body: impl Future<Output = Result<Output, ToolError>>,
) -> Result<Output, Refusal> {
    let limit = Duration::from_millis(tool.spec.limits.timeout_ms);
    tokio::select! {
        biased;
        ended = AssertUnwindSafe(body).catch_unwind() => match ended {
            Ok(returned) => returned.map_err(|error| failed(&error)),
            Err(_) => Err(panicked()),
        },
        () = cancelled.cancelled() => Err(gave_up(Executed::Unknown)),
        () = tokio::time::sleep(limit) => {
            cancelled.cancel();
            Err(too_slow(tool, Executed::Unknown))
        }
    }
}

/// Stage 10.
fn guarded(tool: &Served, schema: Option<&Validator>, output: Output) -> Result<Checked, Refusal> {
    guard::check(tool.spec, schema, output).map_err(|cause| {
        Refusal::new(
            Code::OutputRefused,
            "the tool ran, and its output broke the tool's own promise",
        )
        .executed(Executed::Yes)
        .remedy("do not call again to get around this; report the request id")
        .internal(cause)
    })
}

fn executed(ended: &Result<Checked, Refusal>) -> Executed {
    match ended {
        Ok(_) => Executed::Yes,
        Err(refusal) => refusal.executed,
    }
}

fn outcome(ended: &Result<Checked, Refusal>) -> OutcomeNote {
    match ended {
        Ok(checked) => OutcomeNote::new(Executed::Yes, "ok").result_digest(checked.digest),
        Err(refusal) => note(refusal),
    }
}

fn result(tool: &Served, purpose: Purpose, ended: &Result<Checked, Refusal>) -> RunResult {
    match ended {
        Ok(Checked { output, digest }) => RunResult::Done {
            result: *digest,
            answer: serde_json::to_value(output).ok(),
            rollback: match purpose {
                Purpose::Call { keep: Some(arguments) } => offered(tool, arguments, output),
                Purpose::Call { keep: None } | Purpose::Rollback { .. } => None,
            },
        },
        Err(refusal) => {
            let error = refusal.code.as_str().to_owned();
            match refusal.executed {
                Executed::No => RunResult::NoEffect { error, answer: Some(kept_refusal(refusal)) },
                Executed::Yes => RunResult::Failed { error, answer: Some(kept_refusal(refusal)) },
                Executed::Unknown => RunResult::Unknown { why: error },
            }
        }
    }
}

fn answer(trail: &Trail, ended: Result<Checked, Refusal>) -> Answer {
    let request_id = trail.request_id();
    match ended {
        Ok(Checked { output, .. }) => Answer::Done { request_id, output },
        Err(refusal) => Answer::Refused { request_id, refusal: Box::new(refusal) },
    }
}

fn failed(error: &ToolError) -> Refusal {
    // Only the body itself can vouch for that; a read-only one that fails is no exception.
    let executed = if error.had_no_effect() { Executed::No } else { Executed::Unknown };
    let reason = error
        .public_text()
        .unwrap_or("the tool failed; the request id finds the cause in the record");
    let refusal = Refusal::new(Code::ToolFailed, guard::public_text(reason)).executed(executed);
    match error.internal_text() {
        Some(cause) => refusal.internal(cause),
        None => refusal,
    }
}

pub(super) fn panicked() -> Refusal {
    Refusal::new(Code::ToolFailed, "the tool failed; the request id finds the cause in the record")
        .executed(Executed::Unknown)
        .internal("the body panicked")
}

fn too_slow(tool: &Served, executed: Executed) -> Refusal {
    let ms = tool.spec.limits.timeout_ms;
    Refusal::new(Code::TimedOut, format!("the tool did not finish within {ms} ms"))
        .executed(executed)
        .remedy("call again with the same arguments later; do not assume that nothing happened")
}

pub(super) fn gave_up(executed: Executed) -> Refusal {
    Refusal::new(Code::Cancelled, "the caller gave up").executed(executed)
}

/// The effect happened, or may have, and its record did not.
fn unrecorded(error: &AuditError, ended: &Result<Checked, Refusal>) -> Refusal {
    Refusal::new(Code::ExecutedUnrecorded, "the tool ran, but how it ended could not be recorded")
        .executed(executed(ended))
        .remedy("do not call again; an operator has to look at the server's data folder")
        .internal(error)
}
