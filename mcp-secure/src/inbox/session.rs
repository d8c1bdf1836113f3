//! Sessions: begun by a sign-in, established again for each request, over after a rest or at the end of the day.

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Inbox;
use super::base::Base;
use super::cookie::Cookie;
use super::secret::{NoRandomness, Secret};
use super::settings::millis;
use crate::clock::Timestamp;
use crate::identity::{Authenticated, NotSignedIn, Vouching};
use crate::server::Tickets;
use crate::store::{NewTicket, StoreError, TicketKind};

/// A renewal is written down at most this often (and ten times in an idle time shorter than that takes), so that reading
/// page after page writes next to nothing.
const RENEWED_EVERY_MS: i64 = 60_000;

/// What the store keeps of a session.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    who: Value,
    /// When it is over, whatever happens in between.
    ends: Timestamp,
}

/// Somebody who is signed in, for one request.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) who: Authenticated,
    secret: Secret,
    expires: Timestamp,
    ends: Timestamp,
}

/// Why nobody is signed in, or nobody can tell.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// There is no session, or it is over.
    #[error("nobody is signed in")]
    None,
    /// Whoever it is does not get in.
    #[error(transparent)]
    Refused(#[from] NotSignedIn),
    /// The store does not say.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// How sessions are kept.
pub(super) struct Sessions<'a> {
    pub(super) tickets: &'a dyn Tickets,
    pub(super) vouching: &'a Vouching,
    pub(super) base: &'a Base,
    pub(super) settings: &'a Inbox,
}

impl Sessions<'_> {
    /// Begins a session of `who`, under a secret that nobody has had before.
    pub(super) async fn begin(&self, who: &Authenticated) -> Result<Secret, SessionError> {
        let kept = self.vouching.keep(who).ok_or(NotSignedIn::Unknown)?;
        let secret = Secret::fresh()?;
        let longest = i64::try_from(millis(self.settings.longest)).unwrap_or(i64::MAX);
        let ends = self.tickets.now().await?.plus_millis(longest);
        let content = serde_json::to_value(Content { who: kept, ends })
            .map_err(|error| StoreError::Internal(error.to_string()))?;
        let idle = millis(self.settings.idle.min(self.settings.longest));
        let new = NewTicket { kind: TicketKind::Session, content, expires_in_ms: idle };
        self.tickets.put(secret.digest(), new).await?;
        Ok(secret)
    }

    /// Who is signed in.
    pub(super) async fn find(&self, headers: &HeaderMap) -> Result<Visitor, SessionError> {
        let secret = Cookie::Session.read(self.base, headers).ok_or(SessionError::None)?;
        let ticket = self.tickets.find(TicketKind::Session, &secret.digest()).await?;
        let ticket = ticket.ok_or(SessionError::None)?;
        let Content { who, ends } =
            serde_json::from_value(ticket.content).map_err(|_| SessionError::None)?;
        let who = self.vouching.establish(&who)?;
        // The store lets nothing live beyond its time; a ticket that was made for longer still ends here.
        if self.tickets.now().await? >= ends {
            return Err(SessionError::None);
        }
        Ok(Visitor { who, secret, expires: ticket.expires, ends })
    }

    /// Counts the visitor's request as a sign of life.
    pub(super) async fn renew(&self, visitor: &Visitor) -> Result<(), SessionError> {
        let now = self.tickets.now().await?;
        let idle = i64::try_from(millis(self.settings.idle)).unwrap_or(i64::MAX);
        let until = now.plus_millis(idle).min(visitor.ends);
        let pace = RENEWED_EVERY_MS.min(idle / 10);
        if until.millis().saturating_sub(visitor.expires.millis()) < pace {
            return Ok(());
        }
        let in_ms = until.millis().saturating_sub(now.millis());
        let in_ms = u64::try_from(in_ms).unwrap_or_default();
        self.tickets.renew(TicketKind::Session, &visitor.secret.digest(), in_ms).await?;
        Ok(())
    }

    /// Ends the session that a browser holds, if it holds one. Nothing opens it again.
    pub(super) async fn end(&self, headers: &HeaderMap) -> Result<(), SessionError> {
        if let Some(secret) = Cookie::Session.read(self.base, headers) {
            self.tickets.take(TicketKind::Session, &secret.digest()).await?;
        }
        Ok(())
    }
}

impl Visitor {
    /// What each form of theirs carries.
    pub(super) fn token(&self) -> String {
        self.secret.form_token()
    }

    /// Whether a form is one of theirs.
    pub(super) fn made(&self, token: Option<&str>) -> bool {
        token.is_some_and(|token| self.secret.made(token))
    }
}
