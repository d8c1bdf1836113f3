//! How rows read, whichever database holds them.

use crate::approval::{
    Approval, ApprovalId, CastVote, NewApproval, Party, State, VoteRefused, may_resolve,
    may_resolve_rollback,
};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::{
    KeyRecord, KeyState, LapsedRun, NewRun, RollbackState, RunId, RunRecord, RunState, StoreError,
    UnreadableRun,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The longest list anybody gets.
pub(super) const MAX_LISTED: u32 = 1000;
/// How many rows one sweep takes, so that it never holds others up for long.
pub(super) const SWEEP: i64 = 500;

/// How long whoever was told of a change that nobody asked for has to say that it is on record, in milliseconds. Then
/// it is told again.
const TOLD_AGAIN: i64 = 30_000;

/// When what is told at `now` is told again.
pub(super) fn told_again(now: Timestamp) -> i64 {
    now.plus_millis(TOLD_AGAIN).millis()
}

/// What never changes about a request, as the `request` column holds it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) requester: Party,
    pub(super) tool: String,
    contract: Digest,
    pub(super) resource: Value,
    arguments: Value,
    exact: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_key: Option<String>,
    preview: Option<Value>,
    risk: String,
    asked_by: String,
    by: String,
    quorum: u32,
    allow_requester: bool,
    #[serde(default)]
    pub(super) task: bool,
    #[serde(default)]
    pub(super) announce: bool,
}

impl From<NewApproval> for Request {
    fn from(new: NewApproval) -> Self {
        Self {
            requester: new.requester,
            tool: new.tool,
            contract: new.contract,
            resource: new.resource,
            arguments: new.arguments,
            exact: new.exact,
            client_key: new.client_key,
            preview: new.preview,
            risk: new.risk,
            asked_by: new.asked_by,
            by: new.by,
            // A quorum of nobody would be an approval by nobody.
            quorum: new.quorum.max(1),
            allow_requester: new.allow_requester,
            task: new.task,
            announce: new.announce,
        }
    }
}

/// The columns of an approval, in the order of [`ApprovalRow`].
pub(super) const APPROVAL_COLUMNS: &str =
    "id, effect, created, expires, request, detail, answer, state";

/// An approval as it is written.
pub(super) struct ApprovalRow {
    pub(super) id: String,
    pub(super) effect: String,
    pub(super) created: i64,
    pub(super) expires: i64,
    pub(super) request: String,
    pub(super) detail: String,
    pub(super) answer: Option<String>,
    pub(super) state: String,
}

impl ApprovalRow {
    pub(super) fn approval(self, votes: Vec<CastVote>) -> Result<Approval, StoreError> {
        let state: State = parse(&self.detail)?;
        if state.kind().as_str() != self.state {
            return Err(damaged("an approval has two states"));
        }
        let mut approval = assemble(
            self.id.parse().map_err(|_| damaged("an approval has no id"))?,
            Digest::from_hex(&self.effect).ok_or_else(|| damaged("an approval has no effect"))?,
            parse(&self.request)?,
            (Timestamp::from_millis(self.created), Timestamp::from_millis(self.expires)),
            state,
        );
        approval.votes = votes;
        approval.answer = self.answer.map(|text| parse(&text)).transpose()?;
        Ok(approval)
    }
}

/// A request without votes or answer.
pub(super) fn assemble(
    id: ApprovalId,
    effect: Digest,
    request: Request,
    (created, expires): (Timestamp, Timestamp),
    state: State,
) -> Approval {
    Approval {
        id,
        effect,
        requester: request.requester,
        tool: request.tool,
        contract: request.contract,
        resource: request.resource,
        arguments: request.arguments,
        exact: request.exact,
        client_key: request.client_key,
        preview: request.preview,
        risk: request.risk,
        asked_by: request.asked_by,
        by: request.by,
        quorum: request.quorum,
        allow_requester: request.allow_requester,
        task: request.task,
        created,
        expires,
        votes: Vec::new(),
        state,
        answer: None,
    }
}

/// What an id alone shows: the state by the store's time, and never the answer.
pub(super) fn shown(mut approval: Approval, now: Timestamp) -> Approval {
    approval.answer = None;
    approval.state = approval.state.as_of(now, approval.expires);
    approval
}

/// What never changes about a run, as the `run` column holds it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    request_id: String,
    tool: String,
    effect: Digest,
    caller: Party,
    mutating: bool,
}

impl Call {
    /// The text of the column.
    pub(super) fn text(run: &NewRun) -> Result<String, StoreError> {
        /// The same members, borrowed.
        #[derive(Serialize)]
        struct Text<'a> {
            request_id: &'a str,
            tool: &'a str,
            effect: &'a Digest,
            caller: &'a Party,
            mutating: bool,
        }
        json(&Text {
            request_id: &run.request_id,
            tool: &run.tool,
            effect: &run.effect,
            caller: &run.caller,
            mutating: run.mutating,
        })
    }
}

/// How a run ended, as the `outcome` column holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Done { result: Digest },
    Failed { error: String },
    NoEffect { error: String },
    Unknown { why: String },
    Resolved { by: String, error: Option<String> },
}

/// What a run told of itself once it was in doubt, as the `late` column holds it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Late {
    pub(super) outcome: Option<Outcome>,
    pub(super) answer: Option<Value>,
    /// What a roll-back would be given, and for how many milliseconds.
    pub(super) rollback: Option<(Value, u64)>,
}

/// The columns of a run, in the order of [`RunRow`].
pub(super) const RUN_COLUMNS: &str = "fence, run_id, approval, run, started, lease_until, state, finished, outcome, \
    late, compensates, rollback, rollback_until, taken_by, key_arguments, key_window, key_until, answer";

/// A run as it is written.
pub(super) struct RunRow {
    pub(super) fence: i64,
    pub(super) run_id: String,
    pub(super) approval: Option<String>,
    pub(super) run: String,
    pub(super) started: i64,
    pub(super) lease_until: i64,
    pub(super) state: String,
    pub(super) finished: Option<i64>,
    pub(super) outcome: Option<String>,
    pub(super) late: Option<String>,
    pub(super) compensates: Option<String>,
    pub(super) rollback: Option<String>,
    pub(super) rollback_until: Option<i64>,
    pub(super) taken_by: Option<String>,
    pub(super) key_arguments: Option<Vec<u8>>,
    pub(super) key_window: Option<i64>,
    pub(super) key_until: Option<i64>,
    pub(super) answer: Option<String>,
}

impl RunRow {
    pub(super) fn state(&self) -> Result<RunState, StoreError> {
        self.state.parse().map_err(|_| damaged("a run has no state"))
    }

    pub(super) fn id(&self) -> Result<RunId, StoreError> {
        run_id(&self.run_id)
    }

    pub(super) fn caller(&self) -> Result<Party, StoreError> {
        Ok(parse::<Call>(&self.run)?.caller)
    }

    /// The person behind `by`, if they may say how this run ended.
    pub(super) fn resolver<'a>(
        &self,
        by: &'a Party,
    ) -> Result<Result<&'a str, VoteRefused>, StoreError> {
        let judge = if self.compensates.is_some() { may_resolve_rollback } else { may_resolve };
        Ok(judge(&self.caller()?, by))
    }

    /// What it told of itself when it was in doubt. What an older release wrote tells nothing that helps.
    pub(super) fn late(&self) -> Late {
        self.late.as_deref().and_then(|text| parse(text).ok()).unwrap_or_default()
    }

    pub(super) fn record(&self) -> Result<RunRecord, StoreError> {
        let call: Call = parse(&self.run)?;
        let approval = self.approval.as_deref().map(str::parse).transpose();
        let rollback = match (&self.rollback, self.rollback_until) {
            (Some(output), Some(until)) => Some(RollbackState {
                output: parse(output)?,
                until: Timestamp::from_millis(until),
                taken_by: self.taken_by.as_deref().map(run_id).transpose()?,
            }),
            _ => None,
        };
        let error = match self.outcome.as_deref().map(parse::<Outcome>).transpose()? {
            Some(Outcome::Failed { error } | Outcome::NoEffect { error }) => Some(error),
            Some(Outcome::Unknown { why }) => Some(why),
            Some(Outcome::Resolved { error, .. }) => error,
            Some(Outcome::Done { .. }) | None => None,
        };
        Ok(RunRecord {
            run_id: self.id()?,
            request_id: call.request_id,
            tool: call.tool,
            effect: call.effect,
            caller: call.caller,
            mutating: call.mutating,
            approval: approval.map_err(|_| damaged("a run names no approval"))?,
            state: self.state()?,
            started: Timestamp::from_millis(self.started),
            finished: self.finished.map(Timestamp::from_millis),
            lease_until: Timestamp::from_millis(self.lease_until),
            rollback,
            compensates: self.compensates.as_deref().map(run_id).transpose()?,
            late: self.late.is_some(),
            error,
        })
    }

    pub(super) fn lapsed(&self) -> Result<LapsedRun, StoreError> {
        let record = self.record()?;
        Ok(LapsedRun {
            run_id: record.run_id,
            request_id: record.request_id,
            tool: record.tool,
            effect: record.effect,
            caller: record.caller,
            mutating: record.mutating,
            approval: record.approval,
            started: record.started,
            lease_until: record.lease_until,
        })
    }

    /// Says that a sweep had to leave the row as it is. Each sweep says so again, until somebody has repaired it.
    pub(super) fn unreadable(&self, why: &str) {
        tracing::error!(
            run = %self.run_id, fence = self.fence, why,
            "a run whose lease lapsed can not be read, and is left as it is"
        );
    }

    /// What a list tells of a row that can not be read, and of whose column `tool` this is; nothing where there is neither id
    /// nor state.
    pub(super) fn unlisted(&self, why: &str, tool: String) -> Option<UnreadableRun> {
        tracing::error!(run = %self.run_id, fence = self.fence, why, "a run can not be read");
        Some(UnreadableRun {
            run_id: self.id().ok()?,
            tool,
            state: self.state().ok()?,
            started: Timestamp::from_millis(self.started),
        })
    }

    /// Who holds this row's key.
    pub(super) fn key(&self) -> Result<KeyRecord, StoreError> {
        let state = match self.state()? {
            RunState::Running => {
                KeyState::Running { lease_until: Timestamp::from_millis(self.lease_until) }
            }
            RunState::InDoubt => KeyState::InDoubt,
            RunState::Done | RunState::Failed | RunState::NoEffect => {
                KeyState::Ended { answer: self.answer.as_deref().map(parse).transpose()? }
            }
        };
        Ok(KeyRecord {
            arguments: self.arguments()?,
            caller: self.caller()?,
            run: self.id()?,
            state,
        })
    }

    /// The digest of the arguments that the key was taken with.
    pub(super) fn arguments(&self) -> Result<Digest, StoreError> {
        let bytes = self.key_arguments.as_deref().and_then(|b| <[u8; 32]>::try_from(b).ok());
        bytes.map(Digest::from_bytes).ok_or_else(|| damaged("a key has no arguments"))
    }
}

/// Says that a sweep had to leave a request as it is, or that a list leaves it out.
pub(super) fn unreadable_approval(id: &str, why: &str) {
    tracing::error!(approval = id, why, "a request for approval can not be read");
}

pub(super) fn run_id(text: &str) -> Result<RunId, StoreError> {
    text.parse().map_err(|_| damaged("a run has no id"))
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Internal(e.to_string()))
}

pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    // The reader's message may quote what is stored, so it stays out.
    serde_json::from_str(text).map_err(|e| damaged(&format!("unreadable at column {}", e.column())))
}

pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}

/// A length of time that the arithmetic of [`Timestamp`] takes.
pub(super) fn millis(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
