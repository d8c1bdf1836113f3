//! The one way in for `/mcp`: who calls, how much they send, and what leaves when the protocol was not reached.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::Full;
use hyper::body::Incoming;
use rmcp::transport::streamable_http_server::StreamableHttpService;

use super::body::{self, BodyRefused};
use super::peers::{Peer, Peers};
use super::plain;
use super::replies;
use super::sessions::{Sessions, Visit};
use super::settings::HttpSettings;
use crate::identity::{AuthError, Authenticated, Credentials};
use crate::server::face::Face;
use crate::server::handler::Handler;

/// Who the door let in. Only the door makes one, for the request it stands in, and the handler takes nothing else.
#[derive(Debug, Clone)]
pub(in crate::server) struct Caller(Authenticated);

impl Caller {
    pub(in crate::server) fn authenticated(&self) -> Authenticated {
        self.0.clone()
    }
}

pub(super) struct Door {
    face: Arc<dyn Face>,
    handler: Handler,
    peers: Arc<Peers>,
    service: StreamableHttpService<Handler, Sessions>,
    metadata: Option<String>,
    max_body_bytes: usize,
    body_timeout: Duration,
}

impl Door {
    pub(super) fn new(
        face: Arc<dyn Face>,
        settings: &HttpSettings,
        handler: Handler,
        service: StreamableHttpService<Handler, Sessions>,
        peers: Arc<Peers>,
    ) -> Self {
        Self {
            face,
            handler,
            peers,
            service,
            metadata: settings.resource_metadata.clone(),
            max_body_bytes: settings.max_body_bytes,
            body_timeout: settings.body_timeout,
        }
    }

    pub(super) async fn enter(&self, peer: Peer, request: Request<Incoming>) -> Response {
        if let Err(wait) = self.peers.admit(peer) {
            self.peers.counted(&*self.face, peer);
            return replies::too_many_requests(wait);
        }
        let caller = match self.authenticate(request.headers()) {
            Ok(caller) => caller,
            Err(why) => return self.turn_away(why, peer),
        };
        let (mut parts, body) = request.into_parts();
        let body = match self.read(&parts.headers, body).await {
            Ok(body) => body,
            Err(refused) => return *refused,
        };
        if parts.method == Method::POST && !is_json(&parts.headers) {
            return replies::failed(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        if let Some(call) = plain::read(&parts, &body) {
            // Boxed, so that other requests do not make room for it.
            return Box::pin(plain::answer(&self.handler, caller, call)).await;
        }
        // The token has done its work. Nothing behind the door has any use for it.
        parts.headers.remove(header::AUTHORIZATION);
        parts.headers.remove(header::COOKIE);
        let visit = Visit::of(&caller);
        parts.extensions.insert(Caller(caller));
        let request = Request::from_parts(parts, Full::new(body.clone()));
        // rmcp's future holds room for every kind of request. Boxed here, it is moved once.
        let response = visit.scope(Box::pin(self.service.handle(request))).await;
        if visit.met_the_limit() {
            return replies::too_many_sessions();
        }
        tidied(response.map(Body::new), &body)
    }

    /// Answers who proves nothing: always with the challenge, since behind one address there may be many, who all have to
    /// learn how to sign in.
    fn turn_away(&self, why: AuthError, peer: Peer) -> Response {
        self.peers.proved_nothing(&*self.face, why, peer);
        replies::unauthenticated(why, self.metadata.as_deref())
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<Authenticated, AuthError> {
        let credentials = Credentials::from_authorization(authorization(headers)?)?;
        self.face.authenticator().authenticate(&credentials)
    }

    async fn read(&self, headers: &HeaderMap, body: Incoming) -> Result<Bytes, Box<Response>> {
        let read = body::read(headers, body, self.max_body_bytes, self.body_timeout).await;
        read.map_err(|refused| {
            Box::new(match refused {
                BodyRefused::TooLarge => replies::too_large(self.max_body_bytes),
                BodyRefused::TooSlow => replies::too_slow(),
                BodyRefused::Broken => replies::broken(),
            })
        })
    }
}

/// The one `Authorization` header. Of two, whoever comes after might read the other.
pub(super) fn authorization(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let header = values.next().map(|v| v.to_str().map_err(|_| AuthError::Malformed)).transpose()?;
    if values.next().is_some() { Err(AuthError::Malformed) } else { Ok(header) }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The response as it leaves: never stored by anybody, and in our words where rmcp answered in plain text, which may
/// hold a parser's message or an internal error.
fn tidied(mut response: Response, body: &[u8]) -> Response {
    let status = response.status();
    let json =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == "application/json");
    if status.is_client_error() || status.is_server_error() {
        if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            return replies::not_a_message(body);
        }
        if !json {
            return replies::failed(status);
        }
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
