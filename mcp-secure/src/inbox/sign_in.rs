//! Letting people in: by a one-time link of the operator in a sandbox, else by the sign-in page of an issuer.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::base::PATH;
use super::cookie::Cookie;
use super::form::Form;
use super::page;
use super::reply;
use super::route::{self, Route};
use super::secret::{NoRandomness, Secret};
use super::session::SessionError;
use super::settings::millis;
use super::site::{Asked, Site, stranger};
use super::{Inbox, page::entrance};
use crate::audit::{AuditError, Event, Executed, OutcomeNote, Record};
use crate::identity::{Authenticated, Directory, NotSignedIn, Sandbox, Vouching, admitted};
use crate::server::Opened;
use crate::store::{NewTicket, StoreError, TicketKind};
use crate::tool::BoxFuture;

/// How long somebody may take on the issuer's page.
const SIGN_IN_SECS: u64 = 10 * 60;

/// The way in.
pub(crate) enum SignIn {
    /// One-time links for the people of a sandbox.
    Links {
        /// The people there are.
        people: Directory,
        /// That the data folder is a sandbox.
        sandbox: Sandbox,
    },
    /// An issuer's own page (`OpenID` Connect Core 1.0, code flow).
    #[allow(dead_code, reason = "made where a provider is compiled in")]
    Issuer(Arc<dyn Provider>),
}

impl SignIn {
    pub(super) fn vouching(&self) -> Vouching {
        match self {
            Self::Links { people, sandbox } => {
                Vouching::Operator { people: people.clone(), sandbox: *sandbox }
            }
            Self::Issuer(provider) => Vouching::Issuer(provider.issuer().to_owned()),
        }
    }
}

/// An issuer that people sign in at. What it establishes has the method `Interactive`, the client
/// [`INBOX_CLIENT`](crate::identity::INBOX_CLIENT) and this very issuer, or it is not let in.
pub(crate) trait Provider: Send + Sync {
    /// The issuer's identifier.
    fn issuer(&self) -> &str;

    /// Begins a sign-in that ends at `callback`.
    fn begin<'a>(&'a self, callback: &'a str) -> BoxFuture<'a, Result<Begun, ProviderError>>;

    /// Ends it: `query` is what the browser came back with, `kept` what [`begin`](Self::begin) asked to keep. Whether the two
    /// belong together (`state`, `nonce`, PKCE) is the provider's to check.
    fn finish<'a>(
        &'a self,
        query: &'a str,
        kept: Value,
    ) -> BoxFuture<'a, Result<Authenticated, ProviderError>>;
}

/// A sign-in that has begun.
pub(crate) struct Begun {
    /// Where the browser goes.
    pub(crate) url: String,
    /// What has to be known when it comes back.
    pub(crate) kept: Value,
}

/// Why somebody did not come in by an issuer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(dead_code, reason = "made where a provider is compiled in")]
pub(crate) enum ProviderError {
    /// The issuer, or what it sent, does not let them in.
    #[error("{says}")]
    Refused {
        /// For the record.
        code: &'static str,
        /// For whoever wanted to sign in.
        says: String,
    },
    /// The issuer does not answer. The words are for the log.
    #[error("the issuer can not be reached: {0}")]
    Unavailable(String),
}

/// Why no link was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// There is nobody of that name who could decide.
    #[error(transparent)]
    Nobody(#[from] NotSignedIn),
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error("no link was made: {0}")]
    Store(#[from] StoreError),
    #[error("no link was made, since nobody could record it: {0}")]
    Audit(#[from] AuditError),
}

/// What the store keeps of a link.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkContent {
    person: String,
}

/// What the store keeps of a sign-in under way.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Underway {
    kept: Value,
    then: String,
}

/// Makes a link that signs the person called `name` in, once, and says its path: `/inbox/link/<secret>`. It works in a
/// sandbox alone, since whoever has it is that person.
pub(crate) async fn mint_link(
    opened: &dyn Opened,
    (people, sandbox): (&Directory, Sandbox),
    settings: &Inbox,
    name: &str,
) -> Result<String, LinkError> {
    let vouching = Vouching::Operator { people: people.clone(), sandbox };
    let who = vouching.assert(name)?;
    let secret = Secret::fresh()?;
    // On record before it works.
    opened.record(event(Event::SignIn, &who, Executed::No, "link_made")).await?;
    let content = json!({"person": name});
    let new = NewTicket { kind: TicketKind::Link, content, expires_in_ms: millis(settings.link) };
    opened.tickets().put(secret.digest(), new).await?;
    Ok(format!("{PATH}/link/{}", secret.reveal()))
}

fn event(event: Event, who: &Authenticated, executed: Executed, code: &str) -> Record {
    Record::new(event)
        .principal(who.principal())
        .transport("http")
        .outcome(OutcomeNote::new(executed, code))
}

/// Where to go once signed in: to a page of ours that was asked for, and nowhere else.
fn landing(then: Option<&str>) -> String {
    match then.and_then(Route::parse) {
        Some(Route::Request(id)) => route::request(&id),
        _ => PATH.to_owned(),
    }
}

impl Site {
    /// The issuer that people sign in at, where there is one.
    fn issuer(&self) -> Option<&str> {
        match &self.sign_in {
            SignIn::Links { .. } => None,
            SignIn::Issuer(provider) => Some(provider.issuer()),
        }
    }

    /// The page to sign in on, for somebody who wanted to see `path`.
    pub(super) fn sign_in_page(&self, path: &str, status: StatusCode) -> Response {
        let issuer = self.issuer();
        let page = entrance::sign_in(issuer, &landing(Some(path)));
        reply::html(status, self.frame(None).page("Sign in", &page))
    }

    /// The answer to a form of somebody whose session has ended: nothing was done, and here is the way back to `path`.
    pub(super) fn session_over(&self, path: &str) -> Response {
        let issuer = self.issuer();
        let page = entrance::over(issuer, &landing(Some(path)));
        let page = self.frame(None).page("You are not signed in", &page);
        reply::html(StatusCode::UNAUTHORIZED, page)
    }

    /// Shows a link's button. Looking at it uses nothing up: mail programs and messengers look at every link.
    pub(super) async fn link_page(&self, secret: &str) -> Result<Response, Failed> {
        let ticket = match (Secret::parse(secret), &self.sign_in) {
            (Some(secret), SignIn::Links { .. }) => {
                self.tickets().find(TicketKind::Link, &secret.digest()).await?
            }
            _ => None,
        };
        let name = ticket.and_then(|ticket| {
            serde_json::from_value::<LinkContent>(ticket.content).ok().map(|link| link.person)
        });
        Ok(match name {
            Some(name) => {
                let page = entrance::link(&name, secret);
                reply::html(StatusCode::OK, self.frame(None).page("Sign in", &page))
            }
            None => self.spent_link(),
        })
    }

    fn spent_link(&self) -> Response {
        let page = self.frame(None).page("This link does not work", &entrance::spent());
        reply::html(StatusCode::GONE, page)
    }

    /// Takes a link and signs its person in.
    pub(super) async fn take_link(
        &self,
        secret: &str,
        headers: &HeaderMap,
    ) -> Result<Response, Failed> {
        let SignIn::Links { .. } = &self.sign_in else { return Ok(self.spent_link()) };
        let taken = match Secret::parse(secret) {
            Some(secret) => self.tickets().take(TicketKind::Link, &secret.digest()).await?,
            None => None,
        };
        let link = taken.and_then(|t| serde_json::from_value::<LinkContent>(t.content).ok());
        let Some(LinkContent { person }) = link else {
            return Ok(stranger("link_unknown", self.spent_link()));
        };
        let who = match self.vouching.assert(&person).and_then(|who| self.of_ours(&who)) {
            Ok(who) => who,
            Err(why) => return Ok(self.not_let_in(why)),
        };
        let cookie = self.let_in(&who, headers).await?;
        // The browser comes from the link's own page, so the cookie goes along.
        Ok(reply::with_cookie(reply::see(PATH), cookie))
    }

    /// Sends somebody to the issuer's page. As a page and not as a redirect: `form-action` holds for where a form's answer
    /// leads, too.
    pub(super) async fn begin_sign_in(
        &self,
        form: &Form,
        asked: &Asked,
    ) -> Result<Response, Failed> {
        let SignIn::Issuer(provider) = &self.sign_in else {
            return Ok(self.sign_in_page(PATH, StatusCode::NOT_FOUND));
        };
        // Counted here and not at the door, so that a page of another site can not use up what its readers have.
        if let Err(wait) = self.pace.take(asked.from) {
            let mut response = self.turned_away(StatusCode::TOO_MANY_REQUESTS);
            response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().max(1).into());
            return Ok(stranger("sign_ins_limited", response));
        }
        let begun = match provider.begin(&format!("{}/oidc/callback", self.base.front())).await {
            Ok(begun) => begun,
            Err(error) => return Ok(self.provider_failed(&error)),
        };
        // Here, since its cookie does not come along when the issuer sends the browser back.
        self.sessions().end(&asked.headers).await?;
        let secret = Secret::fresh()?;
        let underway = Underway { kept: begun.kept, then: landing(form.get("then")) };
        let content = serde_json::to_value(underway)
            .map_err(|error| StoreError::Internal(error.to_string()))?;
        let kind = TicketKind::SignIn;
        let new = NewTicket { kind, content, expires_in_ms: SIGN_IN_SECS * 1000 };
        self.tickets().put(secret.digest(), new).await?;
        let page = page::onward("Signing in", &begun.url);
        let cookie = Cookie::SignIn.set(&self.base, &secret, SIGN_IN_SECS);
        Ok(reply::with_cookie(reply::html(StatusCode::OK, page), cookie))
    }

    /// The browser comes back from the issuer's page. The session's cookie does not go along with what another site sends
    /// the browser to, so the answer is a page of ours that leads on.
    pub(super) async fn end_sign_in(
        &self,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Response, Failed> {
        let SignIn::Issuer(provider) = &self.sign_in else { return Ok(self.nothing_here()) };
        let taken = match Cookie::SignIn.read(&self.base, headers) {
            Some(secret) => self.tickets().take(TicketKind::SignIn, &secret.digest()).await?,
            None => None,
        };
        let underway = taken.and_then(|t| serde_json::from_value::<Underway>(t.content).ok());
        let Some(Underway { kept, then }) = underway else {
            let page = self.sign_in_page(PATH, StatusCode::GONE);
            return Ok(stranger("sign_in_unknown", page));
        };
        let who = match provider.finish(query, kept).await {
            Ok(who) => who,
            Err(error) => return Ok(self.provider_failed(&error)),
        };
        let who = match admitted(who).and_then(|who| self.of_ours(&who)) {
            Ok(who) => who,
            Err(why) => return Ok(self.not_let_in(why)),
        };
        let cookie = self.let_in(&who, headers).await?;
        let page = page::onward("Signed in", &landing(Some(&then)));
        let response = reply::with_cookie(reply::html(StatusCode::OK, page), cookie);
        Ok(reply::with_cookie(response, Cookie::SignIn.clear(&self.base)))
    }

    /// Whoever signs in the way people do here, and is let in by who vouches here.
    fn of_ours(&self, who: &Authenticated) -> Result<Authenticated, NotSignedIn> {
        let kept = self.vouching.keep(who).ok_or(NotSignedIn::Unknown)?;
        self.vouching.establish(&kept)
    }

    /// Begins a session, on record before it counts; one that the browser held before is over.
    async fn let_in(
        &self,
        who: &Authenticated,
        headers: &HeaderMap,
    ) -> Result<Option<axum::http::HeaderValue>, Failed> {
        let sessions = self.sessions();
        sessions.end(headers).await?;
        self.opened.record(event(Event::SignIn, who, Executed::Yes, "ok")).await?;
        let secret = sessions.begin(who).await?;
        Ok(Cookie::Session.set(&self.base, &secret, self.settings.longest.as_secs()))
    }

    /// Ends the visitor's session.
    pub(super) async fn sign_out(
        &self,
        who: &Authenticated,
        headers: &HeaderMap,
    ) -> Result<Response, Failed> {
        self.sessions().end(headers).await?;
        self.opened.record_refused(event(Event::SignOut, who, Executed::Yes, "ok"));
        let page = self.frame(None).page("Signed out", &entrance::signed_out());
        let response = reply::html(StatusCode::OK, page);
        Ok(reply::with_cookie(response, Cookie::Session.clear(&self.base)))
    }

    fn not_let_in(&self, why: NotSignedIn) -> Response {
        let page =
            self.frame(None).page("You can not sign in", &entrance::refused(&why.to_string()));
        stranger("not_let_in", reply::html(StatusCode::FORBIDDEN, page))
    }

    fn provider_failed(&self, error: &ProviderError) -> Response {
        tracing::warn!(%error, "somebody could not sign in to the inbox");
        match error {
            ProviderError::Unavailable(_) => self.unavailable(),
            ProviderError::Refused { code, says } => {
                let page = self.frame(None).page("You are not signed in", &entrance::refused(says));
                stranger(code, reply::html(StatusCode::FORBIDDEN, page))
            }
        }
    }
}

/// Why a request of a browser could not be answered as it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
}
