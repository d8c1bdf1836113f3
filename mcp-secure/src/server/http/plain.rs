//! A plain call over HTTP: what its headers have to say, and its answer.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::Response;
use rmcp::model::ProtocolVersion;
use tokio_util::sync::CancellationToken;

use super::replies;
use crate::identity::Authenticated;
use crate::server::handler::Handler;
use crate::server::plain::PlainCall;

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Reads a stateless call whose headers say what its body says (MCP 2026-07-28, "Streamable HTTP": proxies go by the
/// headers). Anything else is rmcp's to judge.
pub(super) fn read(parts: &Parts, body: &[u8]) -> Option<PlainCall> {
    let headers = &parts.headers;
    let plain = parts.method == Method::POST
        && is(headers, &VERSION, ProtocolVersion::V_2026_07_28.as_str())
        && is(headers, &METHOD, "tools/call")
        && !headers.contains_key(SESSION)
        && takes_both(headers);
    if !plain {
        return None;
    }
    let call = PlainCall::read(body)?;
    (call.is_self_contained() && is(headers, &NAME, &call.name)).then_some(call)
}

/// Runs it. A client that goes away drops this, and the call hears of it.
pub(super) async fn answer(handler: &Handler, caller: Authenticated, call: PlainCall) -> Response {
    let client = handler.client_of(&call);
    let message = handler.plain_call(caller, call, client, CancellationToken::new()).await;
    match serde_json::to_vec(&message) {
        Ok(body) => replies::json(StatusCode::OK, Body::from(body)),
        Err(_) => replies::failed(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Whether the header is there once, with just this value.
fn is(headers: &HeaderMap, name: &HeaderName, value: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    values.next().is_some_and(|found| found == value) && values.next().is_none()
}

/// Whether the client takes JSON and event streams, said without weights.
fn takes_both(headers: &HeaderMap) -> bool {
    let Some(accepted) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let takes = |kind: &str| accepted.split(',').any(|one| one.trim().eq_ignore_ascii_case(kind));
    takes("application/json") && takes("text/event-stream")
}
