//! Answers that never reached the protocol: short, in JSON, and with nothing in them of the request.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

fn reply(status: StatusCode, body: &Value) -> Response {
    json(status, Body::from(body.to_string()))
}

/// JSON that nobody stores.
pub(crate) fn json(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

pub(super) fn healthy() -> Response {
    reply(StatusCode::OK, &json!({"status": "ok"}))
}

/// For what can only be read.
pub(super) fn only_read() -> Response {
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "use `GET`");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

pub(super) fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "not_found", "there is nothing here; MCP is at `/mcp`")
}

/// Where nobody's tokens decide.
pub(super) fn no_decisions() -> Response {
    let says = "this server takes no decisions over HTTP";
    error(StatusCode::NOT_FOUND, "no_decisions", says)
}

pub(super) fn forbidden(why: &str) -> Response {
    error(StatusCode::FORBIDDEN, "forbidden", why)
}

/// 401 with its challenge, or 503 where trying again may help.
pub(super) fn unauthenticated(why: crate::identity::AuthError, metadata: Option<&str>) -> Response {
    let status = StatusCode::from_u16(why.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    if status != StatusCode::UNAUTHORIZED {
        return error(status, "unavailable", "the token can not be checked at present; try again");
    }
    let says = "send a valid access token as `Authorization: Bearer TOKEN`";
    let mut response = error(status, "unauthorized", says);
    if let Ok(challenge) = HeaderValue::from_str(&why.challenge(metadata)) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

pub(super) fn too_large(limit: usize) -> Response {
    let says = format!("the request body is larger than {limit} bytes");
    closing(error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &says))
}

pub(super) fn too_slow() -> Response {
    closing(error(
        StatusCode::REQUEST_TIMEOUT,
        "too_slow",
        "the request body did not arrive in time",
    ))
}

pub(super) fn broken() -> Response {
    closing(error(StatusCode::BAD_REQUEST, "broken", "the request body could not be read"))
}

pub(super) fn too_many_sessions() -> Response {
    let says = "there are too many open sessions; end one, or try again later";
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, "too_many_sessions", says);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
    response
}

/// An address that asks too often.
pub(super) fn too_many_requests(wait: std::time::Duration) -> Response {
    let says = "too many requests from this address; try again later";
    let mut response = error(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", says);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    response
}

/// Like an id that was never given out.
pub(super) fn failed(status: StatusCode) -> Response {
    let (code, says) = match status {
        StatusCode::NOT_FOUND => ("not_found", "there is no such session; begin a new one"),
        StatusCode::NOT_ACCEPTABLE => {
            ("not_acceptable", "accept both `application/json` and `text/event-stream`")
        }
        StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "use `POST`"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ("unsupported_media_type", "send `Content-Type: application/json`")
        }
        StatusCode::BAD_REQUEST => (
            "bad_request",
            "the request is not what the protocol asks for; look at its version and session headers",
        ),
        StatusCode::FORBIDDEN => ("forbidden", "the request is not allowed"),
        _ => ("internal", "the request failed"),
    };
    error(status, code, says)
}

/// A body that is no message of the protocol. The parser's own words stay here: they may repeat values.
pub(super) fn not_a_message(body: &[u8]) -> Response {
    let parsed = serde_json::from_slice::<Value>(body);
    let (code, says) = match &parsed {
        Ok(Value::Array(_)) => (-32600, "batches are not part of this protocol; send one message"),
        Ok(_) => (-32600, "the body is not a JSON-RPC 2.0 message"),
        Err(_) => (-32700, "the body is not JSON"),
    };
    let id = parsed.ok().and_then(|mut value| value.get_mut("id").map(Value::take));
    let id = id.filter(|id| id.is_i64() || id.as_str().is_some_and(|text| text.len() <= 256));
    let mut message = json!({"jsonrpc": "2.0", "error": {"code": code, "message": says}});
    if let Some(members) = message.as_object_mut() {
        members.insert("id".to_owned(), id.unwrap_or(Value::Null));
    }
    reply(StatusCode::BAD_REQUEST, &message)
}

fn error(status: StatusCode, code: &str, says: &str) -> Response {
    reply(status, &json!({"error": code, "error_description": says}))
}

fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
