//! The answer, with what it rests on.

use crate::canon::Digest;

/// What the policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Permitted.
    Permit {
        /// The policies that permit it, sorted; none for a public tool that no policy speaks of.
        policies: Vec<String>,
        /// The version of the policies.
        version: Digest,
    },
    /// Denied.
    Deny {
        /// Why.
        reason: DenyReason,
        /// The version of the policies.
        version: Digest,
    },
}

/// Why it is denied. Except for the public sentence that a permission is missing, it is for the record only.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenyReason {
    /// No policy permits it.
    NoPermit,
    /// These policies forbid it, sorted.
    Forbidden(Vec<String>),
    /// The resource, or the call that is judged, belongs to another tenant.
    OtherTenant,
    /// A policy or a value could not be evaluated. It holds no value.
    Error(String),
}

impl Verdict {
    /// Whether it is permitted.
    #[must_use]
    pub const fn is_permit(&self) -> bool {
        matches!(self, Self::Permit { .. })
    }

    /// The version of the policies.
    #[must_use]
    pub const fn version(&self) -> Digest {
        match self {
            Self::Permit { version, .. } | Self::Deny { version, .. } => *version,
        }
    }
}
