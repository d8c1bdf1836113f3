use crate::canon::{CanonError, Digest};
use serde_json::{Value, json};

/// What an approval is bound to: who does what to which thing with which arguments.
///
/// The client and the policy version are left out on purpose: a rotated client id or an edited policy must not make
/// a second approvable request of the same effect. They are compared again when the call runs.
#[derive(Debug, Clone, Copy)]
pub struct Effect<'a> {
    /// The issuer that vouches for the subject.
    pub issuer: &'a str,
    /// The tenant the subject belongs to.
    pub tenant: &'a str,
    /// The account on whose behalf the call runs.
    pub subject: &'a str,
    /// The tool's name.
    pub tool: &'a str,
    /// The fingerprint of the tool's contract.
    pub contract: &'a Digest,
    /// The resource the permission is checked on: its type and id; `Null` where the tool names none.
    pub resource: &'a Value,
    /// The whole arguments, defaults applied, none of them masked.
    pub arguments: &'a Value,
}

impl Effect<'_> {
    /// The SHA-256 of the canonical form. Every field is a member of one object, so none can run into the next.
    pub fn digest(&self) -> Result<Digest, CanonError> {
        Digest::of_value(&json!({
            "issuer": self.issuer,
            "tenant": self.tenant,
            "subject": self.subject,
            "tool": self.tool,
            "contract": self.contract.to_hex(),
            "resource": self.resource,
            "arguments": self.arguments,
        }))
    }
}
