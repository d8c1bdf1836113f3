//! The proof that somebody has been authenticated, and what it is made from.

use std::sync::Arc;
use std::time::Instant;

use super::{AuthError, Principal};

/// A principal that an authenticator of this crate has established.
///
/// It has no public constructor: holding one is the proof. The pipeline takes nothing else, on any transport.
///
/// ```compile_fail
/// # fn forge(principal: mcp_secure::identity::Principal) {
/// let forged = mcp_secure::identity::Authenticated(std::sync::Arc::new(principal));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Authenticated {
    principal: Arc<Principal>,
    until: Option<Instant>,
}

impl Authenticated {
    /// Only this folder vouches.
    pub(super) fn vouch(principal: Principal) -> Self {
        Self { principal: Arc::new(principal), until: None }
    }

    /// The same, whose proof ends then.
    #[must_use]
    pub(crate) fn ending(self, until: Instant) -> Self {
        Self { until: Some(until), ..self }
    }

    /// When the proof ends, for what outlasts the request that brought it. `None`: with the process that was proven.
    pub(crate) const fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Who it is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The same principal, shared.
    #[must_use]
    pub fn shared(&self) -> Arc<Principal> {
        Arc::clone(&self.principal)
    }
}

impl std::ops::Deref for Authenticated {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

/// What a transport received to prove the caller with. Printing it shows no secret.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Credentials<'a> {
    /// A bearer token (RFC 6750), without the scheme.
    Bearer(&'a str),
    /// The pipes of the process: whoever started it.
    Local,
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer([redacted])",
            Self::Local => "Local",
        })
    }
}

impl<'a> Credentials<'a> {
    /// Reads the value of an `Authorization` header (RFC 9110 section 11.6.2).
    ///
    /// ```
    /// use mcp_secure::identity::{AuthError, Credentials};
    /// assert!(matches!(Credentials::from_authorization(Some("bearer abc")), Ok(Credentials::Bearer("abc"))));
    /// assert_eq!(Credentials::from_authorization(None).unwrap_err(), AuthError::Missing);
    /// ```
    pub fn from_authorization(header: Option<&'a str>) -> Result<Self, AuthError> {
        let header = header.map(str::trim).filter(|h| !h.is_empty()).ok_or(AuthError::Missing)?;
        let (scheme, token) = header.split_once(' ').ok_or(AuthError::Malformed)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(AuthError::Missing);
        }
        let token = token.trim_start();
        // RFC 6750 section 2.1, `b64token`. Two tokens in one header are no token.
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
        if token.is_empty() || !token.bytes().all(allowed) {
            return Err(AuthError::Malformed);
        }
        Ok(Self::Bearer(token))
    }
}

/// Establishes who is calling. Used as `Arc<dyn Authenticator>`.
///
/// It answers from memory: what needs the network (a key set, a revocation list) is refreshed aside, so that a slow
/// issuer cannot hold calls up. An implementation outside this crate can only choose between authenticators of this
/// crate, since it cannot make an [`Authenticated`] of its own.
pub trait Authenticator: Send + Sync {
    /// The principal the credentials prove, or why there is none.
    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Authenticated, AuthError>;
}
