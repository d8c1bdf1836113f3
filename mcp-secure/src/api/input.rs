//! What a request says, read strictly: a misspelt wish does not pass for none, and nothing of what came is repeated.

use axum::http::{HeaderMap, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::reply::Problem;
use crate::approval::{StateKind, Verdict};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::pipeline::read_place;
use crate::store::{ApprovalFilter, Resolution, RunFilter, RunState};

/// How many items a page has unless said, and at most.
const PAGE: u32 = 50;
pub(crate) const MAX_PAGE: u32 = 200;
/// The longest reason, in bytes.
const MAX_REASON: usize = 4000;
/// The longest text to search for, in bytes.
const MAX_TEXT: usize = 200;

/// The largest body, in bytes: a reason, and room.
pub(crate) const MAX_BODY: usize = 16 * 1024;

/// A decision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    pub(super) digest: Digest,
    pub(super) verdict: Verdict,
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// Nothing, in words: `{}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// A reason, where one is liked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MaybeReason {
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// What became of a run in doubt.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resolve {
    pub(super) found: Found,
    pub(super) reason: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Found {
    Done,
    NotDone,
}

impl From<Found> for Resolution {
    fn from(found: Found) -> Self {
        match found {
            Found::Done => Self::Done,
            Found::NotDone => Self::NotDone,
        }
    }
}

/// Which requests become useless: those asked for before this time, or all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Void {
    #[serde(default)]
    pub(super) before: Option<String>,
    pub(super) reason: String,
}

/// A switch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    pub(super) scope: String,
    pub(super) off: bool,
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// Reads a body; `fields` says what it has to hold.
pub(super) fn body<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: &[u8],
    fields: &str,
) -> Result<T, Problem> {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if kinds.next().is_some() || !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send `Content-Type: application/json`",
        ));
    }
    // The parser's own words may repeat values.
    serde_json::from_slice(body)
        .map_err(|_| Problem::bad_request(format!("the body is a JSON object with {fields}")))
}

/// A reason of a bounded length; blank is none.
pub(super) fn reason(text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.len() > MAX_REASON => {
            Err(Problem::bad_request(format!("a `reason` has {MAX_REASON} bytes at most")))
        }
        Some(text) if text.trim().is_empty() => Ok(None),
        other => Ok(other),
    }
}

/// A reason that has to be there.
pub(super) fn needed_reason(text: String) -> Result<String, Problem> {
    reason(Some(text))?.ok_or_else(|| Problem::bad_request("say why, in `reason`"))
}

/// The parameters of an address, each once.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads them; any other than `known` is one too many.
    pub(super) fn parse(text: &str, known: &[&str]) -> Result<Self, Problem> {
        let odd = || {
            let known = known.join("`, `");
            Problem::bad_request(format!(
                "the parameters here are `{known}`, each once and encoded"
            ))
        };
        let mut found: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value).ok_or_else(odd)?;
            if !known.contains(&name) || found.iter().any(|(had, _)| had == name) {
                return Err(odd());
            }
            found.push((name.to_owned(), value));
        }
        Ok(Self(found))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn limit(&self) -> Result<u32, Problem> {
        match self.get("limit") {
            None => Ok(PAGE),
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_PAGE).contains(limit))
                .ok_or_else(|| Problem::bad_request(format!("`limit` is from 1 to {MAX_PAGE}"))),
        }
    }

    fn tool(&self) -> Option<String> {
        self.get("tool").map(ToOwned::to_owned)
    }

    /// Which runs are asked for.
    pub(super) fn run_filter(&self) -> Result<RunFilter, Problem> {
        let state = self.get("state").map(str::parse::<RunState>).transpose();
        Ok(RunFilter {
            state: state.map_err(|error| Problem::bad_request(error.to_string()))?,
            tool: self.tool(),
            after: self.get("cursor").map(cursor).transpose()?,
            ..RunFilter::default()
        })
    }

    /// Which requests are asked for.
    pub(super) fn filter(&self) -> Result<ApprovalFilter, Problem> {
        let state = self.get("state").map(|word| {
            let known = StateKind::ALL.map(StateKind::as_str).join("`, `");
            StateKind::from_word(word)
                .ok_or_else(|| Problem::bad_request(format!("a request is one of `{known}`")))
        });
        let text = self.get("text").map(str::trim).filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.len() > MAX_TEXT) {
            return Err(Problem::bad_request(format!("`text` has {MAX_TEXT} bytes at most")));
        }
        Ok(ApprovalFilter {
            state: state.transpose()?,
            after: self.get("cursor").map(cursor).transpose()?,
            tool: self.tool(),
            text: text.map(ToOwned::to_owned),
            ..ApprovalFilter::default()
        })
    }
}

fn cursor<Id: std::str::FromStr>(text: &str) -> Result<(Timestamp, Id), Problem> {
    read_place(text).ok_or_else(|| Problem::bad_request("`cursor` is `next` of the page before"))
}

/// Text with its escapes (RFC 3986 section 2.1); `None` where an escape is none or it is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}
