//! What one event says.

use super::notes::{ApprovalNote, OutcomeNote, PolicyNote, Who};
use crate::canon::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A writer began its file. Always a file's first record; the audit writes it.
    Opened,
    /// A writer ended its file in good order. Always the last record; the audit writes it.
    Closed,
    /// Records are being written again after failed writes; the audit writes it.
    AuditRecovered,
    /// The server started.
    Startup,
    /// The server stopped in good order.
    Shutdown,
    /// A call is about to run. Durable before a mutating body begins.
    Intent,
    /// How a call that ran ended.
    Outcome,
    /// A read-only call, in one record with how it ended.
    Read,
    /// A preview of a call, shown to who asked for it. Nothing was carried out.
    #[serde(rename = "dry_run")]
    Previewed,
    /// A tool, a tenant or everything was switched off or on.
    Switch,
    /// A call that was not run.
    Refusal,
    /// An approval request was made or changed its state.
    Approval,
    /// A person decided on a request.
    Decision,
    /// A person said what became of a run that was in doubt.
    Resolution,
    /// What a restart found: runs of a process that ended in the middle.
    Recovery,
    /// Others were to be told of a request, and one of them never was.
    Announcement,
    /// A person is shown what is masked of a request for approval.
    Reveal,
    /// Somebody signs in to the inbox, or is handed a link to do so.
    SignIn,
    /// Somebody signs out.
    SignOut,
}

impl Event {
    /// The name used in records and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::AuditRecovered => "audit_recovered",
            Self::Startup => "startup",
            Self::Shutdown => "shutdown",
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Read => "read",
            Self::Switch => "switch",
            Self::Previewed => "dry_run",
            Self::Refusal => "refusal",
            Self::Approval => "approval",
            Self::Decision => "decision",
            Self::Resolution => "resolution",
            Self::Recovery => "recovery",
            Self::Announcement => "announcement",
            Self::Reveal => "reveal",
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
        }
    }

    /// Anyone can cause these at any rate, so they get a share of the queue and never all of it.
    pub(super) const fn is_refusal(self) -> bool {
        // Strangers at the inbox leave sign-ins that failed.
        matches!(self, Self::Refusal | Self::SignIn)
    }
}

/// One event, as the caller knows it. The audit adds time, writer, sequence and hash.
///
/// ```
/// use mcp_secure::audit::{Event, Record};
/// let record = Record::new(Event::Intent).request_id("req_1").tool("request_refund");
/// assert_eq!(record.tool.as_deref(), Some("request_refund"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What happened.
    pub event: Event,
    /// The id the caller was given, which links all records of one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Who called or decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Who>,
    /// The tool, resource or prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The contract fingerprint of the tool as it was served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The arguments, already redacted by [`Audit::redact`](super::Audit::redact).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Value>,
    /// The digest of the canonical arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments_digest: Option<Digest>,
    /// The resource it was authorised on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What the policies said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyNote>,
    /// The approval and its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalNote>,
    /// The running row in the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// How the call ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeNote>,
    /// What the client calls itself. Never trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_info: Option<String>,
    /// `stdio`, `http`, or `local` for a client within the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// The W3C trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// What else belongs to this kind of event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
}

/// One builder method per optional field.
macro_rules! setters {
    ($($(#[$doc:meta])* $field:ident: $kind:ty;)*) => {
        impl Record {
            $($(#[$doc])*
            #[must_use]
            pub fn $field(mut self, value: impl Into<$kind>) -> Self {
                self.$field = Some(value.into());
                self
            })*
        }
    };
}

setters! {
    /// Sets the request id.
    request_id: String;
    /// Sets who called or decided; takes a `&Principal` too.
    principal: Who;
    /// Sets the tool.
    tool: String;
    /// Sets the contract fingerprint.
    fingerprint: String;
    /// Sets the arguments, which must be redacted already.
    arguments: Value;
    /// Sets the digest of the arguments.
    arguments_digest: Digest;
    /// Sets the resource.
    resource: String;
    /// Sets the policy decision.
    policy: PolicyNote;
    /// Sets the approval.
    approval: ApprovalNote;
    /// Sets the running row.
    run_id: String;
    /// Sets how the call ended.
    outcome: OutcomeNote;
    /// Sets what the client calls itself.
    client_info: String;
    /// Sets the transport.
    transport: String;
    /// Sets the trace id.
    trace_id: String;
    /// Sets what else belongs to the event.
    detail: Value;
}

impl Record {
    /// A record of `event` that says nothing else yet.
    #[must_use]
    pub const fn new(event: Event) -> Self {
        Self {
            event,
            request_id: None,
            principal: None,
            tool: None,
            fingerprint: None,
            arguments: None,
            arguments_digest: None,
            resource: None,
            policy: None,
            approval: None,
            run_id: None,
            outcome: None,
            client_info: None,
            transport: None,
            trace_id: None,
            detail: None,
        }
    }
}
