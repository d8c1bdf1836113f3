//! Runs: looking at them, ending a doubt, taking one back. Each is asked of the pipeline, which has the last word.

use axum::http::StatusCode;
use axum::response::Response;

use super::form::Form;
use super::list::sought;
use super::page::request::REASON_CHARS;
use super::page::runs::{self, Could, RunWish};
use super::page::{Place, outcome};
use super::reply;
use super::route;
use super::session::Visitor;
use super::sign_in::Failed;
use super::site::Site;
use crate::clock::Timestamp;
use crate::pipeline::{Answer, Code, ResolveRefused, read_place};
use crate::policy::Act;
use crate::store::{Resolution, RunFilter, RunId, RunRecord, RunState, StoreError};

/// How many runs a page shows.
const PAGE: u32 = 50;

impl Site {
    /// What has run.
    pub(super) async fn runs(&self, visitor: &Visitor, query: &Form) -> Result<Response, Failed> {
        let Some(wish) = wish(query) else { return Ok(self.not_a_form()) };
        let RunWish { state, tool, after } = wish.clone();
        let filter = RunFilter { state, tool, after, ..RunFilter::default() };
        let found = self.opened.runs_page(&visitor.who, filter, PAGE).await?;
        let seen = found.items.iter().map(runs::tool).collect();
        let tools = self.titled(seen, wish.tool.as_ref());
        let body = runs::list(&found, &wish, &tools, &|tool| self.title(tool));
        let frame = self.frame(Some(visitor)).within(Place::Runs);
        Ok(reply::html(StatusCode::OK, frame.page("Runs", &body)))
    }

    /// One run.
    pub(super) async fn run(&self, visitor: &Visitor, id: &RunId) -> Result<Response, Failed> {
        let Some((run, now)) = self.ran(visitor, id).await? else { return Ok(self.nothing_here()) };
        let body = runs::page(&run, now, visitor, self.could(visitor, &run));
        let title = format!("Run of {}", self.named(&run));
        let frame = self.frame(Some(visitor)).within(Place::Runs);
        Ok(reply::html(StatusCode::OK, frame.page(&title, &body)))
    }

    /// Asks before a run is taken back.
    pub(super) async fn rollback_page(
        &self,
        visitor: &Visitor,
        id: &RunId,
    ) -> Result<Response, Failed> {
        let Some((run, now)) = self.ran(visitor, id).await? else { return Ok(self.nothing_here()) };
        if !self.could(visitor, &run).rollback || !runs::can_be_taken_back(&run, now) {
            return Ok(reply::see(&route::run(id)));
        }
        let title = format!("Take back: {}", self.named(&run));
        let frame = self.frame(Some(visitor)).within(Place::Runs);
        Ok(reply::html(StatusCode::OK, frame.page(&title, &runs::confirm(&run, now, visitor))))
    }

    /// Ends a doubt; `None` where the form is none of ours.
    pub(super) async fn resolve(
        &self,
        visitor: &Visitor,
        id: &RunId,
        form: &Form,
    ) -> Option<Response> {
        form.only(&["token", "found", "reason"]).ok()?;
        let found = match form.get("found")? {
            "done" => Resolution::Done,
            "not_done" => Resolution::NotDone,
            _ => return None,
        };
        let reason = match self.reason(visitor, form, &route::run(id)) {
            Ok(reason) => reason,
            Err(response) => return Some(response),
        };
        let status = match self.opened.resolve(&visitor.who, id, found, reason).await {
            Ok(_) => return Some(reply::see(&route::run(id))),
            Err(ResolveRefused::NotFound) => return Some(self.nothing_here()),
            Err(why) => (resolve_status(&why), why.to_string()),
        };
        Some(self.not_done(visitor, status, &route::run(id)))
    }

    /// Takes a run back; `None` where the form is none of ours.
    pub(super) async fn roll_back(
        &self,
        visitor: &Visitor,
        id: &RunId,
        form: &Form,
    ) -> Option<Response> {
        form.only(&["token", "reason"]).ok()?;
        let reason = match self.reason(visitor, form, &route::run(id)) {
            Ok(reason) => reason.to_owned(),
            Err(response) => return Some(response),
        };
        Some(match self.opened.rollback(&visitor.who, id, Some(reason)).await {
            // The run's own page says by which run it was taken back.
            Answer::Done { .. } | Answer::Replayed { .. } | Answer::Previewed { .. } => {
                reply::see(&route::run(id))
            }
            Answer::Unknown => self.nothing_here(),
            Answer::Refused { refusal, .. } => {
                let status = match refusal.code {
                    Code::PermissionDenied => StatusCode::FORBIDDEN,
                    Code::AuditUnavailable => StatusCode::SERVICE_UNAVAILABLE,
                    Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
                    _ => StatusCode::CONFLICT,
                };
                self.not_done(visitor, (status, refusal.reason), &route::run(id))
            }
        })
    }

    /// The reason that a form has to give, or the answer to one that lacks it.
    pub(super) fn reason<'a>(
        &self,
        visitor: &Visitor,
        form: &'a Form,
        back: &str,
    ) -> Result<&'a str, Response> {
        let lacks = |says: &str| {
            self.not_done(visitor, (StatusCode::UNPROCESSABLE_ENTITY, says.to_owned()), back)
        };
        match form.filled("reason") {
            None => Err(lacks("say why; whoever looks at it later has to know")),
            Some(reason) if reason.chars().count() > REASON_CHARS => {
                Err(lacks("the reason is too long: it can have 1000 characters"))
            }
            Some(reason) => Ok(reason),
        }
    }

    /// Says why something was not done.
    pub(super) fn not_done(
        &self,
        visitor: &Visitor,
        (status, why): (StatusCode, String),
        back: &str,
    ) -> Response {
        let body = outcome::said(&why, back);
        reply::html(status, self.frame(Some(visitor)).page("This was not done", &body))
    }

    async fn ran(
        &self,
        visitor: &Visitor,
        id: &RunId,
    ) -> Result<Option<(RunRecord, Timestamp)>, Failed> {
        let found = self.opened.run(&visitor.who, id).await.map_err(StoreError::Unavailable)?;
        let Some(run) = found else { return Ok(None) };
        Ok(Some((run, self.tickets().now().await?)))
    }

    fn could(&self, visitor: &Visitor, run: &RunRecord) -> Could {
        Could {
            resolve: self.opened.could(&visitor.who, Act::Resolve, &run.tool),
            rollback: self.opened.could(&visitor.who, Act::Rollback, &run.tool),
        }
    }

    fn named(&self, run: &RunRecord) -> String {
        self.title(&run.tool).unwrap_or_else(|| run.tool.clone())
    }
}

const fn resolve_status(why: &ResolveRefused) -> StatusCode {
    match why {
        ResolveRefused::NotFound => StatusCode::NOT_FOUND,
        ResolveRefused::NoReason => StatusCode::UNPROCESSABLE_ENTITY,
        ResolveRefused::Person(_) | ResolveRefused::NotPermitted(_) => StatusCode::FORBIDDEN,
        ResolveRefused::NotInDoubt(_) | ResolveRefused::NotServed => StatusCode::CONFLICT,
        ResolveRefused::Unavailable | ResolveRefused::Unknown => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// What the list is narrowed to; `None` where the address is none of ours.
fn wish(query: &Form) -> Option<RunWish> {
    query.only(&["state", "tool", "after"]).ok()?;
    let state = match query.filled("state") {
        Some(word) => Some(word.parse::<RunState>().ok()?),
        None => None,
    };
    let after = match query.filled("after") {
        Some(text) => Some(read_place(text)?),
        None => None,
    };
    Some(RunWish { state, tool: query.filled("tool").and_then(sought), after })
}
