//! The inbox as HTTP meets it: what an address names, who asks, and whether a form is the visitor's own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use super::Inbox;
use super::base::Base;
use super::form::Form;
use super::pace::Pace;
use super::page::{self, Frame};
use super::reply::{self, Origin};
use super::route::{File, Route};
use super::session::{SessionError, Sessions, Visitor};
use super::sign_in::{Failed, SignIn};
use crate::audit::{Event, Executed, OutcomeNote, Record};
use crate::identity::Vouching;
use crate::server::{Opened, Tickets};

/// How long anybody waits for an answer. What was begun by then goes on, and its record with it.
const PATIENCE: Duration = Duration::from_secs(25);

/// A request of a browser, its body read.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The address it comes from, as limits count it: of IPv6 the first 64 bits.
    pub(crate) from: IpAddr,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Marks an answer to somebody who proved nothing, with the code of its record. Whoever counts the requests of an address
/// says whether it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stranger(pub(crate) &'static str);

/// The inbox of an open server.
pub(crate) struct Site {
    pub(super) opened: Arc<dyn Opened>,
    pub(super) sign_in: SignIn,
    pub(super) vouching: Vouching,
    pub(super) base: Base,
    pub(super) settings: Inbox,
    pub(super) server: String,
    pub(super) pace: Pace,
}

impl Site {
    pub(crate) fn new(
        opened: Arc<dyn Opened>,
        sign_in: SignIn,
        base: Base,
        settings: Inbox,
    ) -> Arc<Self> {
        let server = opened.face().info().name.clone();
        let vouching = sign_in.vouching();
        let pace = Pace::default();
        Arc::new(Self { opened, sign_in, vouching, base, settings, server, pace })
    }

    /// The address that an operator set, where one was set.
    pub(crate) fn declared_base(&self) -> Option<&Base> {
        self.settings.url.as_ref().map(|_| &self.base)
    }

    /// Answers one request. It runs in a task of its own: a browser that goes away in the middle does not take a decision's
    /// record with it, and a panic of the application's code ends one answer.
    pub(crate) async fn answer(self: &Arc<Self>, asked: Asked) -> Response {
        let site = Arc::clone(self);
        let answering = tokio::spawn(async move { site.routed(&asked).await });
        match tokio::time::timeout(PATIENCE, answering).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => self.told(StatusCode::INTERNAL_SERVER_ERROR, &page::BROKEN),
            Err(_) => self.told(StatusCode::SERVICE_UNAVAILABLE, &page::SLOW),
        }
    }

    /// An answer to what never came this far.
    pub(crate) fn turned_away(&self, status: StatusCode) -> Response {
        self.told(status, page::told_of(status))
    }

    /// Takes down that somebody was not let in.
    pub(crate) fn record_stranger(&self, code: &str, before: u64) {
        let record = Record::new(Event::SignIn)
            .transport("http")
            .detail(serde_json::json!({"refused_before": before}))
            .outcome(OutcomeNote::new(Executed::No, code));
        self.opened.record_refused(record);
    }

    async fn routed(&self, asked: &Asked) -> Response {
        let Some(route) = Route::parse(&asked.path) else { return self.nothing_here() };
        let answered = match asked.method {
            Method::GET | Method::HEAD if route.is_page() => self.read(route, asked).await,
            Method::GET | Method::HEAD => match route.page() {
                Some(page) => Ok(reply::see(&page)),
                None => Ok(self.nothing_here()),
            },
            Method::POST if route.is_action() => self.act(route, asked).await,
            _ => {
                let allowed = match (route.is_page(), route.is_action()) {
                    (true, true) => "GET, HEAD, POST",
                    (false, true) => "POST",
                    _ => "GET, HEAD",
                };
                let response = self.turned_away(StatusCode::METHOD_NOT_ALLOWED);
                return reply::with(response, header::ALLOW, allowed);
            }
        };
        answered.unwrap_or_else(|failed| {
            tracing::error!(error = %failed, "a page of the inbox could not be made");
            self.unavailable()
        })
    }

    /// Everything that is read. Nothing here changes a request, a run or a switch.
    async fn read(&self, route: Route, asked: &Asked) -> Result<Response, Failed> {
        match &route {
            Route::File(File::Style) => {
                return Ok(reply::file(
                    "text/css; charset=utf-8",
                    include_str!("static/style.css"),
                ));
            }
            Route::File(File::Script) => {
                let script = include_str!("static/refresh.js");
                return Ok(reply::file("text/javascript; charset=utf-8", script));
            }
            Route::File(File::Icon) => {
                return Ok(reply::file("image/svg+xml", include_str!("static/icon.svg")));
            }
            Route::Link(secret) => return self.link_page(secret).await,
            Route::Callback => return self.end_sign_in(&asked.query, &asked.headers).await,
            _ => {}
        }
        let visitor = match self.sessions().find(&asked.headers).await {
            Ok(visitor) => visitor,
            Err(error) => return self.not_signed_in(error, asked),
        };
        if route == Route::SignIn {
            return Ok(reply::see(super::base::PATH));
        }
        // A page that only refreshes itself is no sign of life.
        if route != Route::PendingList {
            self.sessions().renew(&visitor).await?;
        }
        let Ok(query) = Form::parse(asked.query.as_bytes()) else {
            return Ok(self.turned_away(StatusCode::BAD_REQUEST));
        };
        match route {
            Route::Pending => self.pending(&visitor, &query).await,
            Route::PendingList => self.pending_list(&visitor, &query).await,
            Route::History => self.history(&visitor, &query).await,
            Route::Request(id) => self.request(&visitor, &id).await,
            Route::Decided(id) => self.decided(&visitor, &id).await,
            Route::Runs => self.runs(&visitor, &query).await,
            Route::Run(id) => self.run(&visitor, &id).await,
            Route::Rollback(id) => self.rollback_page(&visitor, &id).await,
            Route::Switches => self.switches(&visitor).await,
            _ => Ok(self.nothing_here()),
        }
    }

    /// Everything that changes something. It comes from a form of ours, sent from a page of ours, by who is signed in.
    async fn act(&self, route: Route, asked: &Asked) -> Result<Response, Failed> {
        if !is_form(&asked.headers) {
            return Ok(self.turned_away(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        if !self.is_ours(&asked.headers) {
            return Ok(self.told(StatusCode::FORBIDDEN, &page::FOREIGN));
        }
        let Ok(form) = Form::parse(&asked.body) else { return Ok(self.not_a_form()) };
        match &route {
            Route::Link(secret) => return self.take_link(secret, &asked.headers).await,
            Route::SignIn => return self.begin_sign_in(&form, asked).await,
            _ => {}
        }
        let visitor = match self.sessions().find(&asked.headers).await {
            Ok(visitor) => visitor,
            Err(SessionError::None | SessionError::Refused(_)) => {
                let then = route.page().unwrap_or_default();
                return Ok(stranger("no_session", self.session_over(&then)));
            }
            Err(error) => return Err(error.into()),
        };
        if !visitor.made(form.get("token")) {
            return Ok(stranger("form_token", self.told(StatusCode::FORBIDDEN, &page::STALE_FORM)));
        }
        self.sessions().renew(&visitor).await?;
        match route {
            Route::SignOut => self.sign_out(&visitor.who, &asked.headers).await,
            Route::Act(id, act) => {
                let acted = self.act_on(&visitor, &id, act, &form).await;
                Ok(acted.unwrap_or_else(|| self.not_a_form()))
            }
            Route::Resolve(id) => {
                let acted = self.resolve(&visitor, &id, &form).await;
                Ok(acted.unwrap_or_else(|| self.not_a_form()))
            }
            Route::Rollback(id) => {
                let acted = self.roll_back(&visitor, &id, &form).await;
                Ok(acted.unwrap_or_else(|| self.not_a_form()))
            }
            Route::Switches => {
                let acted = self.switch(&visitor, &form).await;
                Ok(acted.unwrap_or_else(|| self.not_a_form()))
            }
            _ => Ok(self.nothing_here()),
        }
    }

    /// Who has come from another site may be signed in all the same: the cookie stays at home then. A page of ours that
    /// leads to the same address finds out. It leads there once: a browser that calls that foreign as well is asked to sign in.
    fn not_signed_in(&self, error: SessionError, asked: &Asked) -> Result<Response, Failed> {
        match error {
            SessionError::None | SessionError::Refused(_) => {}
            error => return Err(error.into()),
        }
        if Origin::of(&asked.headers) == Origin::Other
            && !self.was_led_on(&asked.headers)
            && asked.path != format!("{}/pending", super::base::PATH)
        {
            let here = match asked.query.as_str() {
                "" => asked.path.clone(),
                query => format!("{}?{query}", asked.path),
            };
            return Ok(reply::html(StatusCode::OK, page::onward("One moment", &here)));
        }
        let response = self.sign_in_page(&asked.path, StatusCode::UNAUTHORIZED);
        Ok(reply::with(response, header::WWW_AUTHENTICATE, "Cookie realm=\"inbox\""))
    }

    /// Whether a form comes from a page of this server: by what the browser says of it, which no page can change.
    fn is_ours(&self, headers: &HeaderMap) -> bool {
        let said = Origin::of(headers);
        if said == Origin::Other {
            return false;
        }
        let expected = self.own_origin(headers);
        match headers.get(header::ORIGIN).map(HeaderValue::to_str) {
            Some(Ok(origin)) => origin.eq_ignore_ascii_case(&expected),
            Some(Err(_)) => false,
            None => said == Origin::Same,
        }
    }

    /// Whether a page of this server has led here. Nothing is let in by it: a `Referer` is what a browser likes to say.
    fn was_led_on(&self, headers: &HeaderMap) -> bool {
        let from = headers.get(header::REFERER).and_then(|from| from.to_str().ok());
        let rest = from.and_then(|from| from.strip_prefix(&self.own_origin(headers)));
        rest.is_some_and(|rest| rest.starts_with('/'))
    }

    /// What pages of this server come from, as browsers name it.
    fn own_origin(&self, headers: &HeaderMap) -> String {
        if self.settings.url.is_some() {
            return self.base.origin().to_owned();
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        format!("http://{}", host.unwrap_or_default().to_ascii_lowercase())
    }

    pub(super) fn sessions(&self) -> Sessions<'_> {
        Sessions {
            tickets: self.opened.tickets(),
            vouching: &self.vouching,
            base: &self.base,
            settings: &self.settings,
        }
    }

    pub(super) fn tickets(&self) -> &dyn Tickets {
        self.opened.tickets()
    }

    /// What is around every page of this visitor.
    pub(super) fn frame<'a>(&'a self, visitor: Option<&'a Visitor>) -> Frame<'a> {
        let asserted = matches!(self.vouching, Vouching::Operator { .. });
        let switches = visitor.is_some_and(|visitor| self.opened.could_switch(&visitor.who));
        Frame { server: &self.server, visitor, asserted, here: None, alive: false, switches }
    }

    fn told(&self, status: StatusCode, told: &page::Told) -> Response {
        reply::html(status, self.frame(None).page(told.title, &told.body()))
    }

    pub(super) fn nothing_here(&self) -> Response {
        self.turned_away(StatusCode::NOT_FOUND)
    }

    pub(super) fn not_a_form(&self) -> Response {
        self.turned_away(StatusCode::BAD_REQUEST)
    }

    /// The store or the record can not be read or written.
    pub(super) fn unavailable(&self) -> Response {
        let response = self.told(StatusCode::SERVICE_UNAVAILABLE, &page::UNAVAILABLE);
        reply::with(response, header::RETRY_AFTER, "5")
    }
}

/// Marks an answer to somebody who proved nothing.
pub(super) fn stranger(code: &'static str, mut response: Response) -> Response {
    response.extensions_mut().insert(Stranger(code));
    response
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    kinds.next().is_none() && essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
