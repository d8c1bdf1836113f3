//! Why a caller is not authenticated, in words that hold nothing of the token.

/// Why there is no principal. It carries no part of the token and no text of the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// No bearer token came with the request, or this transport takes other credentials.
    #[error("no bearer token was sent")]
    Missing,
    /// The token, or the header around it, cannot be read.
    #[error("the token cannot be read")]
    Malformed,
    /// The token is larger than any token this server accepts.
    #[error("the token is larger than 8 KiB")]
    TooLarge,
    /// No configured issuer made this token.
    #[error("the token is of an issuer this server does not trust")]
    UnknownIssuer,
    /// The issuer has no such key.
    #[error("the token names a key its issuer does not have")]
    UnknownKey,
    /// Another kind of token, such as an ID token.
    #[error("the token is of another type than an access token")]
    WrongType,
    /// The token names another algorithm than the one its key is pinned to.
    #[error("the token names another algorithm than its key has")]
    WrongAlgorithm,
    /// The signature is not the issuer's.
    #[error("the signature of the token does not verify")]
    BadSignature,
    /// The token is for another server (RFC 8707).
    #[error("the token is for another audience")]
    WrongAudience,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A claim the principal is made from is missing or has another type.
    #[error("the token has no usable `{0}` claim")]
    BadClaim(&'static str),
    /// The token was revoked.
    #[error("the token has been revoked")]
    Revoked,
    /// It cannot be found out now whether the token holds. Refused, and worth trying again.
    #[error("the token cannot be checked at present")]
    Unavailable,
}

impl AuthError {
    /// A stable name for records and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::UnknownIssuer => "unknown_issuer",
            Self::UnknownKey => "unknown_key",
            Self::WrongType => "wrong_type",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::BadSignature => "bad_signature",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::BadClaim(_) => "bad_claim",
            Self::Revoked => "revoked",
            Self::Unavailable => "unavailable",
        }
    }

    /// The HTTP status: 401, or 503 where trying again may help.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Unavailable => 503,
            _ => 401,
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750 section 3, RFC 9728 section 5.1).
    ///
    /// A request without credentials gets no `error`, as RFC 6750 section 3.1 asks. Beyond expiry the caller is not told
    /// what was wrong: whoever probes with forged tokens learns nothing, and the record holds the cause.
    ///
    /// ```
    /// use mcp_secure::identity::AuthError;
    /// assert_eq!(AuthError::Missing.challenge(None), "Bearer");
    /// assert!(AuthError::Expired.challenge(None).contains("error=\"invalid_token\""));
    /// ```
    #[must_use]
    pub fn challenge(self, resource_metadata: Option<&str>) -> String {
        let mut parts = Vec::with_capacity(3);
        match self {
            Self::Missing | Self::Unavailable => {}
            Self::Expired => {
                parts.push("error=\"invalid_token\"".to_owned());
                parts.push("error_description=\"the token has expired\"".to_owned());
            }
            _ => parts.push("error=\"invalid_token\"".to_owned()),
        }
        // The metadata address is the operator's; one that could leave its quotes is left out.
        let quotable = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
        if let Some(url) = resource_metadata.filter(|url| url.chars().all(quotable)) {
            parts.push(format!("resource_metadata=\"{url}\""));
        }
        if parts.is_empty() { "Bearer".to_owned() } else { format!("Bearer {}", parts.join(", ")) }
    }
}
