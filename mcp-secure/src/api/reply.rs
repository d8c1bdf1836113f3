//! Answers of the decision API, in JSON that nobody stores.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use crate::approval::VoteRefused;
use crate::audit::Executed;
use crate::identity::DECIDE_SCOPE;
use crate::pipeline::{Code, DecideRefused, Refusal, ResolveRefused, SwitchRefused};
use crate::server::replies;

/// When to try again where the store or the record can not be reached, in seconds.
const AGAIN: u64 = 5;

/// Why something is not done.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    says: String,
    more: Vec<(&'static str, Value)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, says: impl Into<String>) -> Self {
        Self { status, code, says: says.into(), more: Vec::new() }
    }

    /// Like an id that was never given out.
    pub(super) fn not_found() -> Self {
        let says = "there is nothing here, or you may not see it";
        Self::new(StatusCode::NOT_FOUND, "not_found", says)
    }

    pub(super) fn bad_request(says: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", says)
    }

    pub(super) fn conflict(code: &'static str, says: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, says)
    }

    /// The store or the record can not be read or written.
    pub(super) fn unavailable() -> Self {
        let says = "this can not be looked up or written down at present; try again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", says)
    }

    pub(super) fn too_many(wait: Duration) -> Response {
        let says = "too many requests of this account; try again later";
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", says);
        with(problem.into(), header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)))
    }

    /// RFC 6750 section 3.1.
    pub(super) fn no_scope() -> Response {
        let says = format!("the token lacks the scope `{DECIDE_SCOPE}`");
        let problem = Self::new(StatusCode::FORBIDDEN, "insufficient_scope", says);
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{DECIDE_SCOPE}\"");
        match HeaderValue::from_str(&challenge) {
            Ok(challenge) => with(problem.into(), header::WWW_AUTHENTICATE, challenge),
            Err(_) => problem.into(),
        }
    }

    pub(super) fn not_allowed(allowed: &'static str) -> Response {
        let says = format!("use {}", allowed.replace(", ", " or "));
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", says);
        with(problem.into(), header::ALLOW, HeaderValue::from_static(allowed))
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let mut body = json!({"error": problem.code, "error_description": problem.says});
        if let Some(members) = body.as_object_mut() {
            members.extend(problem.more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        let response = replies::json(problem.status, Body::from(body.to_string()));
        if problem.status == StatusCode::SERVICE_UNAVAILABLE {
            return with(response, header::RETRY_AFTER, HeaderValue::from(AGAIN));
        }
        response
    }
}

fn with(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}

/// What was asked for.
pub(super) fn ok(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => replies::json(StatusCode::OK, Body::from(body)),
        Err(_) => broken(),
    }
}

/// Somebody has waited for long enough.
pub(super) fn slow() -> Response {
    let says = "this takes too long; it goes on all the same, so look whether it was done before you try again";
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "timed_out", says).into()
}

/// A defect here, or of the application.
pub(super) fn broken() -> Response {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request failed").into()
}

impl From<DecideRefused> for Problem {
    fn from(refused: DecideRefused) -> Self {
        let (status, code) = match &refused {
            DecideRefused::NotFound => return Self::not_found(),
            DecideRefused::Unavailable => return Self::unavailable(),
            DecideRefused::Unknown => (StatusCode::SERVICE_UNAVAILABLE, "unknown"),
            DecideRefused::Vote(vote) => match vote_refused(*vote) {
                Some(said) => said,
                None => return Self::not_found(),
            },
            DecideRefused::NotPermitted(_) => (StatusCode::FORBIDDEN, "permission_denied"),
            DecideRefused::Changed => (StatusCode::CONFLICT, "tool_changed"),
        };
        Self::new(status, code, refused.to_string())
    }
}

/// `None` where it is to look like what is not there.
const fn vote_refused(vote: VoteRefused) -> Option<(StatusCode, &'static str)> {
    Some(match vote {
        VoteRefused::NotFound => return None,
        VoteRefused::StaleDigest => (StatusCode::CONFLICT, "stale_digest"),
        VoteRefused::NotPending(_) => (StatusCode::CONFLICT, "not_pending"),
        VoteRefused::Expired => (StatusCode::CONFLICT, "expired"),
        VoteRefused::AlreadyVoted => (StatusCode::CONFLICT, "already_voted"),
        VoteRefused::Requester => (StatusCode::FORBIDDEN, "own_request"),
        VoteRefused::UnknownRequester => (StatusCode::FORBIDDEN, "unknown_requester"),
        VoteRefused::NoPerson => (StatusCode::FORBIDDEN, "no_person"),
        VoteRefused::Delegated => (StatusCode::FORBIDDEN, "delegated"),
        VoteRefused::SameClient => (StatusCode::FORBIDDEN, "same_client"),
    })
}

impl From<ResolveRefused> for Problem {
    fn from(refused: ResolveRefused) -> Self {
        let (status, code) = match &refused {
            ResolveRefused::NotFound => return Self::not_found(),
            ResolveRefused::Unavailable => return Self::unavailable(),
            ResolveRefused::Unknown => (StatusCode::SERVICE_UNAVAILABLE, "unknown"),
            ResolveRefused::Person(vote) => match vote_refused(*vote) {
                Some(said) => said,
                None => return Self::not_found(),
            },
            ResolveRefused::NotInDoubt(_) => (StatusCode::CONFLICT, "not_in_doubt"),
            ResolveRefused::NoReason => (StatusCode::BAD_REQUEST, "bad_request"),
            ResolveRefused::NotPermitted(_) => (StatusCode::FORBIDDEN, "permission_denied"),
            ResolveRefused::NotServed => (StatusCode::CONFLICT, "not_served"),
        };
        Self::new(status, code, refused.to_string())
    }
}

impl From<SwitchRefused> for Problem {
    fn from(refused: SwitchRefused) -> Self {
        let (status, code) = match &refused {
            SwitchRefused::NotPermitted => (StatusCode::FORBIDDEN, "permission_denied"),
            SwitchRefused::NoSuchTool(_) => (StatusCode::NOT_FOUND, "unknown_tool"),
            // The store's own words may name a file or a machine.
            SwitchRefused::Unrecorded(_) | SwitchRefused::Store(_) => return Self::unavailable(),
        };
        Self::new(status, code, refused.to_string())
    }
}

/// A rollback that was not carried out, or not well. What is known of the effect goes along.
pub(super) fn not_rolled_back(request_id: &str, refusal: &Refusal) -> Problem {
    let status = match refusal.code {
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::AuditUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ if refusal.executed == Executed::No => StatusCode::CONFLICT,
        _ => StatusCode::BAD_GATEWAY,
    };
    let mut problem = Problem::new(status, refusal.code.as_str(), refusal.reason.clone());
    if let Value::Object(told) = refusal.to_json(request_id) {
        let more = ["executed", "request_id", "remedy", "retry_after_ms"];
        let more = more.into_iter().filter_map(|name| Some((name, told.get(name)?.clone())));
        problem.more.extend(more);
    }
    problem
}
