//! What is known of a call so far, for its record, and the ends of the pipeline: every path leaves one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::call::{Answer, Incoming};
use super::cause::Hidden;
use super::commit::Stopped;
use super::gate::Gate;
use super::idempotency::still_fits;
use super::limits::account;
use super::refusal::Refusal;
use super::table::Served;
use super::tasks::TaskAsked;
use crate::approval::Approval;
use crate::audit::{ApprovalNote, Audit, Event, Executed, OutcomeNote, PolicyNote, Record};
use crate::canon::Digest;
use crate::clock::Clock;
use crate::identity::{Authenticated, Principal};
use crate::tool::Output;

/// Written by the stages, read only when a record is made of it: no stage decides by it.
///
/// A call that is dropped on the way, by a client that goes away or by a panic, leaves a record too.
#[derive(Debug)]
pub(super) struct Trail {
    audit: Audit,
    /// A body may have been entered.
    begun: bool,
    ended: bool,
    started: Instant,
    request_id: Arc<str>,
    principal: Arc<Principal>,
    /// What of the arguments the record hides, wherever it turns up.
    hidden: Hidden,
    base: Record,
}

impl Trail {
    pub(super) fn begin(gate: &Gate, incoming: &Incoming) -> Self {
        let mut trail = Self::of(gate, &incoming.caller);
        trail.base.transport = Some(incoming.transport.as_str().to_owned());
        trail.base.client_info.clone_from(&incoming.client_info);
        trail.base.trace_id.clone_from(&incoming.trace);
        trail
    }

    /// For somebody who asks about a task.
    pub(super) fn about_task(gate: &Gate, asked: &TaskAsked) -> Self {
        let mut trail = Self::of(gate, &asked.caller);
        trail.base.transport = Some(asked.transport.as_str().to_owned());
        trail.base.client_info.clone_from(&asked.client_info);
        trail.base.trace_id.clone_from(&asked.trace);
        trail
    }

    /// For somebody at a desk, whom no transport brought.
    pub(super) fn of(gate: &Gate, caller: &Authenticated) -> Self {
        let request_id = request_id(&gate.clock);
        let principal = caller.shared();
        let base = Record::new(Event::Refusal).request_id(&*request_id).principal(&*principal);
        Self {
            audit: gate.audit.clone(),
            begun: false,
            ended: false,
            started: Instant::now(),
            request_id,
            principal,
            hidden: Hidden::default(),
            base,
        }
    }

    pub(super) fn request_id(&self) -> Arc<str> {
        Arc::clone(&self.request_id)
    }

    pub(super) fn found(&mut self, tool: &Served) {
        self.base.tool = Some(tool.spec.name.to_owned());
        self.base.fingerprint = Some(tool.fingerprint.clone());
    }

    pub(super) fn arguments(
        &mut self,
        gate: &Gate,
        tool: &Served,
        arguments: &Map<String, Value>,
        digest: Digest,
    ) {
        let shown = tool.redaction.apply(&gate.audit, &self.principal.tenant, arguments);
        self.base.arguments = Some(shown);
        self.hides(tool, arguments);
        self.base.arguments_digest = gate.audit.key().seal(&self.principal.tenant, &digest);
    }

    /// That these are the arguments of the call, whose hidden texts no cause of an error shows either.
    pub(super) fn hides(&mut self, tool: &Served, arguments: &Map<String, Value>) {
        self.hidden = Hidden::of(&tool.redaction, arguments);
    }

    pub(super) fn resource(&mut self, reference: String) {
        self.base.resource = Some(reference);
    }

    pub(super) fn policy(&mut self, note: PolicyNote) {
        self.base.policy = Some(note);
    }

    pub(super) fn approval(&mut self, approval: &Approval) {
        self.base.approval = Some(approval_note(approval));
    }

    pub(super) fn run(&mut self, run_id: &str) {
        self.base.run_id = Some(run_id.to_owned());
    }

    /// Something that belongs to this kind of call alone.
    pub(super) fn detail(&mut self, name: &str, value: Value) {
        let detail = self.base.detail.get_or_insert_with(|| Value::Object(Map::new()));
        if let Some(detail) = detail.as_object_mut() {
            detail.insert(name.to_owned(), value);
        }
    }

    /// It leaves no record of its own: it is counted, and the next record tells.
    fn counted(&mut self) {
        self.ended = true;
    }

    /// A body is entered next.
    pub(super) fn begins(&mut self) {
        self.begun = true;
    }

    pub(super) fn intent(&self) -> Record {
        let mut record = self.base.clone();
        record.event = Event::Intent;
        record
    }

    /// That people are asked.
    pub(super) fn asked(&self) -> Record {
        let mut record = self.base.clone();
        record.event = Event::Approval;
        record
    }

    /// The last record of the call, which takes everything known with it.
    pub(super) fn end(&mut self, event: Event, mut outcome: OutcomeNote) -> Record {
        outcome.error = outcome.error.map(|cause| self.hidden.kept(&cause));
        self.ended = true;
        let mut record = std::mem::replace(&mut self.base, Record::new(event));
        record.event = event;
        record.outcome(outcome.latency(self.started.elapsed()))
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let executed = if self.begun { Executed::Unknown } else { Executed::No };
        let record = self.end(Event::Refusal, OutcomeNote::new(executed, "abandoned"));
        if let Err(error) = self.audit.queued(record) {
            tracing::error!(%error, request_id = %self.request_id, "an abandoned call could not be recorded");
        }
    }
}

/// A UUID of version 7 (RFC 9562 section 5.7), so that ids sort by time. The generator within the process is seeded by the
/// system's; asking the system itself takes a system call for every id.
fn request_id(clock: &Clock) -> Arc<str> {
    let millis = u64::try_from(clock.now().millis()).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &rand::random());
    let mut text = uuid::Uuid::encode_buffer();
    Arc::from(&*id.into_uuid().simple().encode_lower(&mut text))
}

pub(super) fn approval_note(approval: &Approval) -> ApprovalNote {
    ApprovalNote {
        id: approval.id.to_string(),
        state: approval.state.kind().to_string(),
        deciders: approval.votes.iter().map(|vote| vote.person.clone()).collect(),
    }
}

/// What an outcome says of a refusal.
pub(super) fn note(refusal: &Refusal) -> OutcomeNote {
    let note = OutcomeNote::new(refusal.executed, refusal.code.as_str());
    match &refusal.internal {
        Some(cause) => note.error(cause.as_str()),
        None => note,
    }
}

impl Gate {
    /// Ends a call that no body was entered for.
    pub(super) fn refuse(&self, mut trail: Trail, refusal: Refusal) -> Answer {
        // A refusal stands whether or not its record can be written: nothing happened.
        if let Err(error) = self.audit.queued(trail.end(Event::Refusal, note(&refusal))) {
            tracing::error!(%error, request_id = %trail.request_id, "a refusal could not be recorded");
        }
        Answer::Refused { request_id: trail.request_id(), refusal: Box::new(refusal) }
    }

    /// Ends a call whose intent may be on record already, in the room that was reserved for its outcome.
    pub(super) fn refuse_intended(&self, mut trail: Trail, stopped: Stopped) -> Answer {
        let Stopped { refusal, room } = stopped;
        let Some(room) = room else { return self.refuse(trail, refusal) };
        if let Err(error) = room.queued(trail.end(Event::Refusal, note(&refusal))) {
            tracing::error!(%error, request_id = %trail.request_id, "a refusal could not be recorded");
        }
        Answer::Refused { request_id: trail.request_id(), refusal: Box::new(refusal) }
    }

    /// Ends a call beyond its account's quota. Such refusals are counted, so that they can not flood the record.
    pub(super) fn refuse_counted(&self, mut trail: Trail, refusal: Refusal) -> Answer {
        let request_id = trail.request_id();
        if let Some(unrecorded) = self.flood.admit(account(&trail.principal)) {
            trail.detail("refused_before", unrecorded.into());
            return self.refuse(trail, refusal);
        }
        trail.counted();
        Answer::Refused { request_id, refusal: Box::new(refusal) }
    }

    /// Ends a call of something that is not there for this caller.
    pub(super) fn unknown(&self, trail: Trail, incoming: &Incoming) -> Answer {
        let name: String =
            incoming.target.name().chars().take(64).filter(|c| !c.is_control()).collect();
        self.not_there(trail, "unknown_tool", Some(name))
    }

    /// Ends what was asked about something that is not there for whoever asks.
    pub(super) fn not_there(&self, mut trail: Trail, code: &str, tool: Option<String>) -> Answer {
        let mut record = trail.end(Event::Refusal, OutcomeNote::new(Executed::No, code));
        record.tool = tool;
        if let Err(error) = self.audit.queued(record) {
            tracing::error!(%error, request_id = %trail.request_id, "a refusal could not be recorded");
        }
        Answer::Unknown
    }

    /// Ends a call whose answer is that of the same call before, if the tool would give such an answer today.
    pub(super) fn replay(&self, tool: &Served, mut trail: Trail, output: Output) -> Answer {
        let output = match still_fits(tool, output) {
            Ok(output) => output,
            Err(refusal) => return self.refuse(trail, refusal),
        };
        match self
            .audit
            .queued(trail.end(Event::Outcome, OutcomeNote::new(Executed::Yes, "replayed")))
        {
            Ok(()) => Answer::Replayed { request_id: trail.request_id(), output },
            Err(error) => {
                let refusal = Box::new(withheld(&error));
                Answer::Refused { request_id: trail.request_id(), refusal }
            }
        }
    }
}

/// The answer of something that was carried out and whose answer no record would tell of.
pub(super) fn withheld(cause: &impl std::fmt::Display) -> Refusal {
    Refusal::new(
        super::Code::AuditUnavailable,
        "the record can not be written, so the answer is withheld",
    )
    .executed(Executed::Yes)
    .remedy("try again later; an operator has to look at the server's data folder")
    .internal(cause)
}

/// The answer where no record can be written.
pub(super) fn unrecordable(cause: &impl std::fmt::Display) -> Refusal {
    Refusal::new(
        super::Code::AuditUnavailable,
        "the record can not be written, so the call was not carried out",
    )
    .remedy("try again later; an operator has to look at the server's data folder")
    .retry_after(Duration::from_secs(5))
    .internal(cause)
}
