//! A server somewhere else, asked through its decision API.

use std::time::Duration;

use reqwest::{Method, Request, StatusCode, Url, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::Failure;
use super::not_rolled_back;
use crate::api::{
    self, MAX_PAGE, RequestView, RolledBackView, RunView, RunsView, SwitchView, SwitchedView,
    VoidedView,
};
use crate::approval::{ApprovalId, Verdict};
use crate::audit::Executed;
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::outbound::{Outbound, is_here, is_safe, origin};
use crate::store::{ApprovalFilter, Resolution, RunFilter, RunId, SwitchScope};

/// How long an answer may take. A rollback takes as long as what it undoes.
const WITHIN: Duration = Duration::from_secs(120);
/// The largest answer taken, in bytes: a page of requests with long arguments.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Somebody with a token at a server.
pub(in crate::cli) struct There {
    http: Outbound,
    base: Url,
    token: SecretString,
}

/// A page of requests.
#[derive(Deserialize)]
struct Requests {
    requests: Vec<RequestView>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Switches {
    switches: Vec<SwitchView>,
}

/// Why the server did not do it, in its words.
#[derive(Deserialize)]
struct Problem {
    error: String,
    error_description: String,
    executed: Option<Value>,
    remedy: Option<String>,
    request_id: Option<String>,
}

/// What became of a question.
enum Told<T> {
    Done(T),
    Refused(StatusCode, Problem),
}

impl There {
    pub(super) fn open(url: &str, token: SecretString) -> Result<Self, Failure> {
        let shown = url.escape_debug();
        let wrong = |why: &str| Failure::Usage(format!("the server `{shown}` {why}"));
        let mut base = Url::parse(url)
            .map_err(|_| wrong("is no address; write it as `https://mcp.example.com`"))?;
        if !is_safe(&base, true) {
            return Err(wrong(
                "has to be asked by https: over http everybody on the way could read the token; http is for this machine",
            ));
        }
        let plainly = base.query().is_none() && base.fragment().is_none();
        if !plainly || !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("is named without user, query and fragment"));
        }
        let path = format!("{}{}/", base.path().trim_end_matches('/'), api::PATH);
        base.set_path(&path);
        let http = Outbound::new(is_here(&base), WITHIN, MAX_BYTES).map_err(Failure::because)?;
        Ok(Self { http, base, token })
    }

    pub(super) async fn requests(
        &self,
        filter: ApprovalFilter,
        limit: u32,
    ) -> Result<Vec<RequestView>, Failure> {
        let mut found = Vec::new();
        let narrowed = [
            ("state", filter.state.map(|state| state.to_string())),
            ("tool", filter.tool),
            ("text", filter.text),
        ];
        self.pages("requests", &narrowed, limit, |page: Requests| {
            found.extend(page.requests);
            (found.len(), page.next)
        })
        .await?;
        found.truncate(most(limit));
        Ok(found)
    }

    pub(super) async fn request(&self, id: &ApprovalId) -> Result<RequestView, Failure> {
        self.get(self.at(&format!("requests/{id}"))?).await
    }

    pub(super) async fn decide(
        &self,
        id: &ApprovalId,
        digest: Digest,
        verdict: Verdict,
        reason: Option<String>,
    ) -> Result<RequestView, Failure> {
        let body = json!({"digest": digest, "verdict": verdict, "reason": reason});
        self.post(&format!("requests/{id}/decision"), &body).await
    }

    pub(super) async fn withdraw(&self, id: &ApprovalId) -> Result<RequestView, Failure> {
        self.post(&format!("requests/{id}/withdraw"), &json!({})).await
    }

    pub(super) async fn void(
        &self,
        before: Option<Timestamp>,
        reason: &str,
    ) -> Result<VoidedView, Failure> {
        let before = before.map(Timestamp::to_rfc3339);
        self.post("void", &json!({"before": before, "reason": reason})).await
    }

    pub(super) async fn runs(&self, filter: RunFilter, limit: u32) -> Result<RunsView, Failure> {
        let mut found = RunsView::default();
        let narrowed =
            [("state", filter.state.map(|state| state.to_string())), ("tool", filter.tool)];
        self.pages("runs", &narrowed, limit, |page: RunsView| {
            found.runs.extend(page.runs);
            found.unreadable.extend(page.unreadable);
            (found.runs.len(), page.next)
        })
        .await?;
        found.runs.truncate(most(limit));
        Ok(found)
    }

    pub(super) async fn run(&self, id: &RunId) -> Result<RunView, Failure> {
        self.get(self.at(&format!("runs/{id}"))?).await
    }

    pub(super) async fn rollback(
        &self,
        id: &RunId,
        reason: Option<String>,
    ) -> Result<RolledBackView, Failure> {
        let url = self.at(&format!("runs/{id}/rollback"))?;
        match self.ask(Method::POST, url, Some(&json!({"reason": reason}))).await? {
            Told::Done(made) => Ok(made),
            Told::Refused(status, problem) => match (&problem.executed, &problem.request_id) {
                (Some(executed), Some(request_id)) => {
                    let executed = match executed.as_bool() {
                        Some(false) => Executed::No,
                        Some(true) => Executed::Yes,
                        None => Executed::Unknown,
                    };
                    let remedy = problem.remedy.as_deref();
                    let reason = &problem.error_description;
                    Err(not_rolled_back(executed, &problem.error, reason, remedy, request_id))
                }
                _ => Err(self.refused(status, &problem)),
            },
        }
    }

    pub(super) async fn resolve(
        &self,
        id: &RunId,
        found: Resolution,
        reason: &str,
    ) -> Result<RunView, Failure> {
        let found = match found {
            Resolution::Done => "done",
            Resolution::NotDone => "not_done",
        };
        let body = json!({"found": found, "reason": reason});
        self.post(&format!("runs/{id}/resolution"), &body).await
    }

    pub(super) async fn switches(&self) -> Result<Vec<SwitchView>, Failure> {
        Ok(self.get::<Switches>(self.at("switches")?).await?.switches)
    }

    pub(super) async fn switch(
        &self,
        scope: SwitchScope,
        off: bool,
        reason: Option<&str>,
    ) -> Result<SwitchedView, Failure> {
        let body = json!({"scope": scope.to_string(), "off": off, "reason": reason});
        self.post("switches", &body).await
    }

    /// Asks for a list page after page, as long as there are more and fewer than `limit`. `take` gets each page, and says how
    /// many there are by now and where the next one begins. A page may be shorter than it could be and have another after it.
    async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        narrowed: &[(&str, Option<String>)],
        limit: u32,
        mut take: impl FnMut(T) -> (usize, Option<String>),
    ) -> Result<(), Failure> {
        let (mut found, mut cursor) = (0, None);
        loop {
            let left = limit.saturating_sub(u32::try_from(found).unwrap_or(u32::MAX));
            let mut url = self.at(path)?;
            parameters(&mut url, narrowed);
            let page = Some(left.min(MAX_PAGE).to_string());
            parameters(&mut url, &[("limit", page), ("cursor", cursor.clone())]);
            let (now, next) = take(self.get(url).await?);
            if next.is_some() && next == cursor {
                let server = origin(&self.base);
                return Err(Failure::because(format!(
                    "the server `{server}` answers with the same page again"
                )));
            }
            (found, cursor) = (now, next);
            if cursor.is_none() || found >= most(limit) {
                return Ok(());
            }
        }
    }

    fn at(&self, path: &str) -> Result<Url, Failure> {
        self.base.join(path).map_err(Failure::because)
    }

    async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, Failure> {
        self.done(self.ask(Method::GET, url, None).await?)
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failure> {
        self.done(self.ask(Method::POST, self.at(path)?, Some(body)).await?)
    }

    fn done<T>(&self, told: Told<T>) -> Result<T, Failure> {
        match told {
            Told::Done(value) => Ok(value),
            Told::Refused(status, problem) => Err(self.refused(status, &problem)),
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Told<T>, Failure> {
        let server = origin(&self.base);
        let mut request = Request::new(method, url);
        let headers = request.headers_mut();
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let mut bearer = header::HeaderValue::from_str(&bearer).map_err(Failure::because)?;
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
        if let Some(body) = body {
            let json = header::HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
            *request.body_mut() = Some(body.to_string().into());
        }
        let answered = self.http.send(request).await;
        let answered =
            answered.map_err(|why| Failure::because(format!("the server `{server}`: {why}")))?;
        let status = answered.status;
        let odd = |what: &str| {
            Failure::because(format!("the server `{server}` {what} (status {status})"))
        };
        if status.is_redirection() {
            return Err(odd("leads somewhere else, which is not followed; name its own address"));
        }
        if status.is_success() {
            return serde_json::from_slice(&answered.body).map(Told::Done).map_err(|_| {
                odd("answers what this program can not read; are both of the same version?")
            });
        }
        serde_json::from_slice(&answered.body)
            .map(|problem| Told::Refused(status, problem))
            .map_err(|_| odd("does not answer as a decision API does"))
    }

    /// What the server said, with what helps.
    fn refused(&self, status: StatusCode, problem: &Problem) -> Failure {
        let Problem { error, error_description, .. } = problem;
        let help = match (status, error.as_str()) {
            (StatusCode::UNAUTHORIZED, _) => {
                "; the token is none, has expired or is for something else: it has to be one for decisions (in a sandbox \
                 `token --as NAME --for approvals`)"
            }
            (StatusCode::NOT_FOUND, "no_decisions") => {
                "; give it the issuer of those who decide, with `.decisions(..)`"
            }
            _ => "",
        };
        Failure::because(format!(
            "the server `{}`: {error_description} ({error}){help}",
            origin(&self.base)
        ))
    }
}

fn most(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn parameters(url: &mut Url, parameters: &[(&str, Option<String>)]) {
    let mut pairs = url.query_pairs_mut();
    for (name, value) in parameters {
        if let Some(value) = value {
            pairs.append_pair(name, value);
        }
    }
}
