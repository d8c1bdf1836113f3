//! Deciding over HTTP, for programs: the command line at a remote server, and whatever people build.
//!
//! It is one more channel to the pipeline's decisions. Whoever decides has a token for this API alone: one that an agent
//! calls tools with opens nothing here, and one of this API calls no tool. A `GET` changes nothing.

mod decisions;
mod input;
mod reply;
mod requests;
mod route;
mod runs;
mod switches;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use crate::audit::{Event, Executed, OutcomeNote, Record};
use crate::clock::Clock;
use crate::identity::{
    AuthError, Authenticated, Authenticator as _, Credentials, DECIDE_SCOPE, Issuer, IssuerError,
    JwtAuthenticator,
};
use crate::limit::{Local, Quota};
use crate::pipeline::{Account, account};
use crate::server::Opened;
pub use decisions::Decisions;
pub(crate) use input::MAX_BODY;
#[cfg(feature = "remote")]
pub(crate) use input::MAX_PAGE;
use reply::Problem;
use route::Route;
pub(crate) use route::{PATH, owns};
pub(crate) use view::{
    LeftView, RequestView, RolledBackView, RunView, RunsView, SwitchView, SwitchedView, VoidedView,
};

/// How many requests of one account are answered: people do not click faster, and a program that asks for the newest every
/// second stays far below.
const QUOTA: (u32, u32) = (20, 100);
/// How long anybody waits for an answer, other than to a rollback, which takes as long as its tool may. What was begun by
/// then goes on, and its record with it.
const PATIENCE: Duration = Duration::from_secs(25);

/// A request, its body read.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The decision API of an open server.
pub(crate) struct Api {
    opened: Arc<dyn Opened>,
    authenticator: JwtAuthenticator,
    accounts: Local<Account>,
}

impl Api {
    /// Takes the tokens of these issuers, whose audience is this API's own.
    pub(crate) fn new(
        opened: Arc<dyn Opened>,
        issuers: impl IntoIterator<Item = Issuer>,
        clock: Clock,
    ) -> Result<Arc<Self>, IssuerError> {
        let authenticator = JwtAuthenticator::new(issuers, clock)?;
        let (each_second, burst) = QUOTA;
        let accounts = Local::new(Quota::per_second(each_second).burst(burst));
        Ok(Arc::new(Self { opened, authenticator, accounts }))
    }

    /// Who asks. Nothing of the request is read before that is known.
    pub(crate) fn authenticate(
        &self,
        authorization: Option<&str>,
    ) -> Result<Authenticated, AuthError> {
        self.authenticator.authenticate(&Credentials::from_authorization(authorization)?)
    }

    /// Lets them on, or answers why not.
    pub(crate) fn admit(&self, who: &Authenticated) -> Result<(), Box<Response>> {
        if let Err(wait) = self.accounts.take(&account(who.principal())) {
            return Err(Box::new(Problem::too_many(wait)));
        }
        if who.scopes.contains(DECIDE_SCOPE) {
            return Ok(());
        }
        self.opened.record_refused(
            Record::new(Event::Refusal)
                .principal(who.principal())
                .transport("http")
                .outcome(OutcomeNote::new(Executed::No, "insufficient_scope")),
        );
        Err(Box::new(Problem::no_scope()))
    }

    /// Answers one request of who was admitted. It runs in a task of its own: a client that goes away in the middle does not
    /// take a decision's record with it, and a panic of the application's code ends one answer.
    pub(crate) async fn answer(self: &Arc<Self>, who: Authenticated, asked: Asked) -> Response {
        let Some(route) = Route::parse(&asked.path) else { return Problem::not_found().into() };
        if !route.takes(&asked.method) {
            return Problem::not_allowed(route.allowed());
        }
        let patient = matches!(route, Route::Rollback(_));
        let api = Arc::clone(self);
        let answering = tokio::spawn(async move { api.routed(who, route, &asked).await });
        let answered = if patient {
            answering.await
        } else {
            match tokio::time::timeout(PATIENCE, answering).await {
                Ok(answered) => answered,
                Err(_) => return reply::slow(),
            }
        };
        match answered {
            Ok(Ok(response)) => response,
            Ok(Err(problem)) => problem.into(),
            Err(_) => reply::broken(),
        }
    }

    async fn routed(
        &self,
        who: Authenticated,
        route: Route,
        asked: &Asked,
    ) -> Result<Response, Problem> {
        match route {
            Route::Requests => self.requests(&who, &asked.query).await,
            Route::Request(id) => self.request(&who, &id, &asked.query).await,
            Route::Decision(id) => self.decide(who, &id, asked).await,
            Route::Withdraw(id) => self.withdraw(&who, &id, asked).await,
            Route::Void => self.void(&who, asked).await,
            Route::Runs => self.runs(&who, &asked.query).await,
            Route::Run(id) => self.run(&who, &id, &asked.query).await,
            Route::Rollback(id) => self.rollback(&who, &id, asked).await,
            Route::Resolution(id) => self.resolve(&who, &id, asked).await,
            Route::Switches if asked.method == Method::GET => {
                self.switches(&who, &asked.query).await
            }
            Route::Switches => self.switch(&who, asked).await,
        }
    }
}
