//! Answers, each with every header that keeps a browser to what a page of ours is for.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use maud::Markup;

/// Nothing but what this server itself serves, no page of others around it, no form to anywhere else. A request's text that
/// got through as markup all the same would have nothing to load, to run or to send.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    connect-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// `Referrer-Policy: no-referrer` would be stricter and can not be had: with it browsers send `Origin: null` along with
/// our own forms (Fetch, "append a request `Origin` header"), which is what another site's would send.
const HEADERS: [(HeaderName, &str); 9] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

fn reply(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A page, or a part of one.
pub(super) fn html(status: StatusCode, page: Markup) -> Response {
    reply(status, "text/html; charset=utf-8", Body::from(page.into_string()))
}

/// A file of ours.
pub(super) fn file(kind: &'static str, text: &'static str) -> Response {
    reply(StatusCode::OK, kind, Body::from(text))
}

/// Sends the browser to another address of the inbox, to be read (RFC 9110 section 15.4.4).
pub(super) fn see(address: &str) -> Response {
    let mut response = reply(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Body::empty());
    if let Ok(address) = HeaderValue::from_str(address) {
        response.headers_mut().insert(header::LOCATION, address);
    }
    response
}

/// The same with a cookie.
pub(super) fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The same with another header.
pub(super) fn with(mut response: Response, name: HeaderName, value: &'static str) -> Response {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// What a browser says of where a request comes from (Fetch Metadata).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A page of this server.
    Same,
    /// A page of somebody else.
    Other,
    /// Nobody's page: typed, a bookmark, another program; or the browser says nothing.
    Unsaid,
}

impl Origin {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            Some(b"same-origin") => Self::Same,
            Some(b"none") | None => Self::Unsaid,
            Some(_) => Self::Other,
        }
    }
}
