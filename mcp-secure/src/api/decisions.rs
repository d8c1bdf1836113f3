use crate::identity::Issuer;

/// Whose tokens decide over HTTP, at `/approvals/v1`.
///
/// They are for an audience of their own, so that the token an agent calls tools with decides nothing, and carry the
/// scope `approvals:decide`. A person's own client gets them, never one that an agent calls tools through.
///
/// ```
/// # use std::sync::Arc;
/// # use mcp_secure::identity::{Issuer, StaticKeys};
/// use mcp_secure::api::Decisions;
///
/// # let keys = Arc::new(StaticKeys::default());
/// let issuer = Issuer::new("https://login.example.com", "https://mcp.example.com/approvals", keys)?;
/// let decisions = Decisions::new(issuer);
/// # Ok::<(), mcp_secure::identity::IssuerError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Decisions(Vec<Issuer>);

impl Decisions {
    /// Tokens of this issuer. Its audience is the decision API, and no other; a token that names another one beside it is
    /// refused.
    #[must_use]
    pub fn new(issuer: Issuer) -> Self {
        Self(vec![issuer.only_this_audience()])
    }

    /// Tokens of this issuer too.
    #[must_use]
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.0.push(issuer.only_this_audience());
        self
    }

    pub(crate) fn issuers(&self) -> &[Issuer] {
        &self.0
    }
}
