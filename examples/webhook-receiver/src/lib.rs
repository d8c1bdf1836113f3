//! Takes webhooks of an MCP server, believes those that are signed and of now, and prints each once.

mod seen;

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use mcp_secure::webhook::{Announcement, Verifier};
use seen::Seen;

/// An announcement has a few hundred bytes.
const MAX_BODY: usize = 64 * 1024;

/// What is done with an announcement that is believed.
pub type Hear = dyn Fn(&Announcement) + Send + Sync;

struct Desk {
    verifier: Verifier,
    seen: Mutex<Seen>,
    hear: Box<Hear>,
}

/// Takes messages at `/hook`, and hands each that is believed to `hear`, once.
pub fn router(verifier: Verifier, hear: Box<Hear>) -> Router {
    let desk = Desk { verifier, seen: Mutex::default(), hear };
    Router::new()
        .route("/hook", post(take))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(desk))
}

/// The body as it came, byte for byte: that is what is signed.
async fn take(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let message = match desk.verifier.verify(header, &body) {
        Ok(message) => message,
        Err(why) => {
            eprintln!("refused: {why}");
            // Whoever tries learns nothing from the answer.
            return StatusCode::UNAUTHORIZED;
        }
    };
    // A message may come more than once. What was heard before is thanked for and left alone.
    if desk.seen.lock().unwrap_or_else(PoisonError::into_inner).is_new(&message.id) {
        (desk.hear)(&message.announcement);
    }
    StatusCode::NO_CONTENT
}

/// One line for a person. Names come from outside, so nothing in them acts on a terminal.
#[must_use]
pub fn line(announcement: &Announcement) -> impl Display {
    let data = &announcement.data;
    let who = data.requester.person.as_ref().unwrap_or(&data.requester.subject);
    let about: Vec<_> =
        data.resources.iter().filter_map(|resource| resource.id.as_deref()).collect();
    let about = if about.is_empty() { String::new() } else { format!(" on {}", about.join(", ")) };
    let text = format!(
        "{}  {} ({} risk){about}, asked by {who} of {}, {} of {} have approved{}",
        announcement.kind,
        data.tool,
        data.risk,
        data.tenant,
        data.approvals,
        data.quorum,
        data.decide_url.as_ref().map(|url| format!(", decide at {url}")).unwrap_or_default(),
    );
    text.escape_debug().to_string()
}
