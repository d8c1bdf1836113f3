//! The other end: whether a message is what it says.

use super::key::{Key, SecretFault};
use super::{Announcement, ID, SIGNATURE, TIMESTAMP};
use crate::clock::{Clock, Timestamp};
use secrecy::SecretString;
use std::time::Duration;

/// How far the time in a message may be from the receiver's, in either direction: five minutes, for the way and for clocks
/// that differ. A recorded message can be sent again for as long; its [id](Verified::id) tells.
pub const WINDOW: Duration = Duration::from_secs(5 * 60);

/// More signatures than anybody rotates through at once.
const MOST_SIGNATURES: usize = 16;

/// Why a message is not to be believed. Answer all of them alike, with 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A header is missing.
    #[error("the header `{0}` is missing")]
    Missing(&'static str),
    /// The time is no number of seconds.
    #[error("the header `webhook-timestamp` is no number of seconds")]
    BadTimestamp,
    /// It was sent more than [`WINDOW`] ago, or is from the future.
    #[error("the message is not of now; it may be a recorded one, or one of the clocks is wrong")]
    OutOfWindow,
    /// No signature fits.
    #[error("no signature fits the message")]
    BadSignature,
    /// The signature fits, and the body is no announcement that this version knows.
    #[error("the body is no announcement of a known version")]
    Unreadable,
}

/// A message that comes from whoever has the secret, and is of now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The id of the message. A message may come more than once: the same id is the same message.
    pub id: String,
    /// What it says.
    pub announcement: Announcement,
}

/// Tells messages of a server from any other.
///
/// Hand in the body as it came, byte for byte: a body that was parsed and written again has another signature.
///
/// ```
/// use mcp_secure::clock::Timestamp;
/// use mcp_secure::webhook::{Verifier, VerifyError};
///
/// // From the environment, not from the code. While it is changed, the old one and the new one.
/// let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// let verifier = Verifier::new([secret.into()])?;
///
/// # let body = br#"{"type":"approval.pending","version":1,"timestamp":"2026-11-23T20:59:28.854Z","data":{"id":"apr_8e560aef65e253b2bd701bbe5267e974","sequence":1,"server":"support-desk","tool":"request_refund","risk":"high","tenant":"acme","requester":{"issuer":"urn:mcp-secure:local","subject":"alice"},"client":"stdio","quorum":1,"approvals":0,"created":"2026-11-23T20:59:28.854Z","expires":"2026-11-24T20:59:28.854Z"}}"#;
/// # let headers = std::collections::HashMap::from([
/// #     ("webhook-id", "apr_8e560aef65e253b2bd701bbe5267e974_pending"),
/// #     ("webhook-timestamp", "1795467568"),
/// #     ("webhook-signature", "v1,anHJKZxLJvtdqd5R6DOuvmC6trNEtGeO0+H4dJQU4Bc="),
/// # ]);
/// let header = |name: &str| headers.get(name).copied();
/// # let now = Timestamp::from_millis(1_795_467_570_000);
/// // `verify(header, body)` goes by the present time.
/// let message = verifier.verify_at(now, header, body)?;
/// assert_eq!(message.announcement.kind, "approval.pending");
///
/// let later = now.plus_millis(6 * 60 * 1000);
/// assert_eq!(verifier.verify_at(later, header, body), Err(VerifyError::OutOfWindow));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Verifier(Vec<Key>);

impl Verifier {
    /// Believes whoever has one of these secrets.
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Result<Self, SecretFault> {
        let keys = secrets.into_iter().map(|s| Key::read(&s)).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(SecretFault::None) } else { Ok(Self(keys)) }
    }

    /// Whether the message with this body is to be believed, now. `header` gives the value of a header by its name, which
    /// is in lower case.
    pub fn verify<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Verified, VerifyError> {
        self.verify_at(Clock::system().now(), header, body)
    }

    /// The same at another time, for tests.
    pub fn verify_at<'h>(
        &self,
        now: Timestamp,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Verified, VerifyError> {
        let get = |name: &'static str| header(name).ok_or(VerifyError::Missing(name));
        let (id, timestamp, signatures) = (get(ID)?, get(TIMESTAMP)?, get(SIGNATURE)?);
        // The signature first: what it does not cover is not worth an answer of its own.
        if !self.signed(id, timestamp, body, signatures) {
            return Err(VerifyError::BadSignature);
        }
        in_window(timestamp, now)?;
        let announcement: Announcement =
            serde_json::from_slice(body).map_err(|_| VerifyError::Unreadable)?;
        if announcement.version != 1 {
            return Err(VerifyError::Unreadable);
        }
        Ok(Verified { id: id.to_owned(), announcement })
    }

    fn signed(&self, id: &str, timestamp: &str, body: &[u8], signatures: &str) -> bool {
        let mut given = signatures.split(' ').take(MOST_SIGNATURES);
        given.any(|signature| self.0.iter().any(|key| key.signed(id, timestamp, body, signature)))
    }
}

fn in_window(timestamp: &str, now: Timestamp) -> Result<(), VerifyError> {
    // `parse` takes a sign, which nobody writes.
    if !timestamp.bytes().all(|b| b.is_ascii_digit()) {
        return Err(VerifyError::BadTimestamp);
    }
    let sent: i64 = timestamp.parse().map_err(|_| VerifyError::BadTimestamp)?;
    if now.seconds().abs_diff(sent) > WINDOW.as_secs() {
        return Err(VerifyError::OutOfWindow);
    }
    Ok(())
}
