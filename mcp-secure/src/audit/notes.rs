//! The parts a record is made of. Fields stand in the order of the alphabet, which is canonical JSON's: written as they
//! stand, they need no sorting.

use crate::canon::Digest;
use crate::identity::{Method, Principal};
use serde::{Deserialize, Serialize};

/// Whose event it is: the part of a [`Principal`] that identifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// Who else acts on the subject's behalf.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<String>,
    /// The OAuth client or local host program.
    pub client: String,
    /// The issuer that vouches for the subject.
    pub issuer: String,
    /// How it was proven; `asserted` proves nothing.
    pub method: Method,
    /// The human behind the account, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The account, unique within the issuer.
    pub subject: String,
    /// The tenant.
    pub tenant: String,
}

impl From<&Principal> for Who {
    fn from(principal: &Principal) -> Self {
        Self {
            issuer: principal.issuer.clone(),
            subject: principal.subject.clone(),
            person: principal.person.clone(),
            tenant: principal.tenant.clone(),
            client: principal.client.clone(),
            method: principal.method,
            actors: principal.actors.clone(),
        }
    }
}

/// What the policies said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// A policy permits it and none forbids it.
    Allow,
    /// Nothing permits it, or something forbids it.
    Deny,
    /// The policies could not be evaluated, which denies.
    Error,
}

/// The policy decision behind an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyNote {
    /// What was decided.
    pub decision: Ruling,
    /// The policies that determined it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// The version of the policy set.
    pub version: String,
}

/// The approval behind an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalNote {
    /// Who has decided so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deciders: Vec<String>,
    /// The request.
    pub id: String,
    /// Its state at the event.
    pub state: String,
}

/// Whether a body ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Executed {
    /// It did not, or it promised that it had no effect.
    #[serde(rename = "false")]
    No,
    /// It did.
    #[serde(rename = "true")]
    Yes,
    /// It began, and nobody knows how far it came.
    #[serde(rename = "unknown")]
    Unknown,
}

impl Executed {
    /// The word in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "false",
            Self::Yes => "true",
            Self::Unknown => "unknown",
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeNote {
    /// `ok`, or the code of the refusal.
    pub code: String,
    /// The internal error, which the model never sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether the body ran.
    pub executed: Executed,
    /// Microseconds from arrival to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<u64>,
    /// The digest of the result, in its canonical form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_digest: Option<Digest>,
}

impl OutcomeNote {
    /// An outcome without result, latency or error.
    #[must_use]
    pub fn new(executed: Executed, code: impl Into<String>) -> Self {
        Self { executed, code: code.into(), result_digest: None, latency_us: None, error: None }
    }

    /// Adds the digest of the result.
    #[must_use]
    pub fn result_digest(mut self, digest: Digest) -> Self {
        self.result_digest = Some(digest);
        self
    }

    /// Adds the latency.
    #[must_use]
    pub fn latency(mut self, latency: std::time::Duration) -> Self {
        self.latency_us = Some(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        self
    }

    /// Adds the internal error.
    #[must_use]
    pub fn error(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }
}
