//! What a client hears when a call did not do what it asked for.

use serde_json::{Map, Value};

use crate::approval::ApprovalId;
use crate::audit::Executed;
use crate::clock::Timestamp;
use crate::tool::Fault;

/// Why a call was refused, or what became of it. The names are part of the wire contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The arguments do not match the tool's schema.
    InvalidArguments,
    /// Policy does not permit the call, or there is no such resource for this caller.
    PermissionDenied,
    /// Too many calls.
    RateLimited,
    /// A person has to decide first.
    ApprovalRequired,
    /// A person said no.
    ApprovalDenied,
    /// Nobody decided, or nobody used the decision, in time.
    ApprovalExpired,
    /// The key was used with other arguments or by another subject.
    IdempotencyConflict,
    /// The same call runs right now.
    InProgress,
    /// The same call began and nobody knows how it ended.
    InDoubt,
    /// The run can not be taken back, or not any more.
    NotRolledBack,
    /// The body took too long.
    TimedOut,
    /// The caller gave up.
    Cancelled,
    /// The output broke the tool's own promise.
    OutputRefused,
    /// The record can not be written, so nothing that changes anything runs.
    AuditUnavailable,
    /// Switched off by an operator.
    SwitchedOff,
    /// The body failed.
    ToolFailed,
    /// The effect happened and its record failed.
    ExecutedUnrecorded,
}

impl Code {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArguments => "invalid_arguments",
            Self::PermissionDenied => "permission_denied",
            Self::RateLimited => "rate_limited",
            Self::ApprovalRequired => "approval_required",
            Self::ApprovalDenied => "approval_denied",
            Self::ApprovalExpired => "approval_expired",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::InProgress => "in_progress",
            Self::InDoubt => "in_doubt",
            Self::NotRolledBack => "not_rolled_back",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::OutputRefused => "output_refused",
            Self::AuditUnavailable => "audit_unavailable",
            Self::SwitchedOff => "switched_off",
            Self::ToolFailed => "tool_failed",
            Self::ExecutedUnrecorded => "executed_unrecorded",
        }
    }

    /// The code that is this word on the wire.
    pub(crate) fn from_str(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }

    const ALL: [Self; 17] = [
        Self::InvalidArguments,
        Self::PermissionDenied,
        Self::RateLimited,
        Self::ApprovalRequired,
        Self::ApprovalDenied,
        Self::ApprovalExpired,
        Self::IdempotencyConflict,
        Self::InProgress,
        Self::InDoubt,
        Self::NotRolledBack,
        Self::TimedOut,
        Self::Cancelled,
        Self::OutputRefused,
        Self::AuditUnavailable,
        Self::SwitchedOff,
        Self::ToolFailed,
        Self::ExecutedUnrecorded,
    ];
}

/// `false`, `true` or `"unknown"`.
pub(super) fn executed_json(executed: Executed) -> Value {
    match executed {
        Executed::No => Value::Bool(false),
        Executed::Yes => Value::Bool(true),
        Executed::Unknown => Value::from("unknown"),
    }
}

/// Reads it. Whatever else stands there leaves it open.
pub(super) fn executed_from(json: &Value) -> Executed {
    match json {
        Value::Bool(false) => Executed::No,
        Value::Bool(true) => Executed::Yes,
        _ => Executed::Unknown,
    }
}

/// A request for approval that waits for people, as it is told to whoever asked for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    pub(crate) id: ApprovalId,
    pub(crate) tool: &'static str,
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
    /// This very call has made it.
    pub(crate) fresh: bool,
    /// What a client comes back with, where it was made for one that does: see [`Channel::Link`](super::Channel).
    pub(crate) state: Option<String>,
}

/// A structured refusal. Every field is safe to show to a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) executed: Executed,
    pub(crate) reason: String,
    pub(crate) remedy: Option<String>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) approval_id: Option<String>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) retry_after_ms: Option<u64>,
    /// Where people decide on it. An address and no more: whoever opens it has to sign in.
    pub(crate) decide_url: Option<String>,
    /// The request that waits, where whoever asked for it hears this.
    pub(crate) standing: Option<Box<Standing>>,
    /// What only the record holds.
    pub(crate) internal: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: Code, reason: impl Into<String>) -> Self {
        Self {
            code,
            executed: Executed::No,
            reason: reason.into(),
            remedy: None,
            faults: Vec::new(),
            approval_id: None,
            expires_at: None,
            retry_after_ms: None,
            decide_url: None,
            standing: None,
            internal: None,
        }
    }

    /// Says after how long it makes sense to call again; at least a millisecond.
    #[must_use]
    pub(crate) fn retry_after(mut self, wait: std::time::Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
        self
    }

    /// Something panicked before a body was entered.
    pub(crate) fn broken() -> Self {
        Self::new(Code::ToolFailed, "the tool failed; the request id finds the cause in the record")
            .internal("a panic before the body")
    }

    pub(crate) fn executed(mut self, executed: Executed) -> Self {
        self.executed = executed;
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    pub(crate) fn internal(mut self, cause: impl std::fmt::Display) -> Self {
        self.internal = Some(cause.to_string());
        self
    }

    pub(crate) fn faults(mut self, faults: Vec<Fault>) -> Self {
        self.faults = faults;
        self
    }

    /// The structured content a client gets.
    pub(crate) fn to_json(&self, request_id: &str) -> Value {
        let mut out = Map::new();
        out.insert("executed".to_owned(), executed_json(self.executed));
        out.insert("code".to_owned(), self.code.as_str().into());
        out.insert("reason".to_owned(), self.reason.as_str().into());
        out.insert("request_id".to_owned(), request_id.into());
        if let Some(remedy) = &self.remedy {
            out.insert("remedy".to_owned(), remedy.as_str().into());
        }
        if !self.faults.is_empty() {
            let faults = self.faults.iter().filter_map(|fault| serde_json::to_value(fault).ok());
            out.insert("faults".to_owned(), Value::Array(faults.collect()));
        }
        if let Some(id) = &self.approval_id {
            out.insert("approval_id".to_owned(), id.as_str().into());
        }
        if let Some(at) = self.expires_at {
            out.insert("expires_at".to_owned(), at.to_rfc3339().into());
        }
        if let Some(url) = &self.decide_url {
            out.insert("decide_url".to_owned(), url.as_str().into());
        }
        if let Some(ms) = self.retry_after_ms {
            out.insert("retry_after_ms".to_owned(), ms.into());
        }
        Value::Object(out)
    }
}
