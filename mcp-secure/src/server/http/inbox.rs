//! The way in for the inbox: the same names, origins and limits as for everything else, with answers for people.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;

use super::body::{self, BodyRefused};
use super::hosts::Hosts;
use super::peers::{Peer, Peers};
use super::settings::HttpSettings;
use crate::inbox::{Asked, Site, Stranger};

/// The largest form. A reason of 1000 characters takes 12,000 bytes at most.
const MAX_FORM_BYTES: usize = 32 * 1024;

/// The inbox behind its door.
pub(super) struct InboxDoor {
    site: Arc<Site>,
    hosts: Hosts,
    peers: Arc<Peers>,
    body_timeout: Duration,
}

impl InboxDoor {
    pub(super) fn new(
        site: Arc<Site>,
        hosts: Hosts,
        peers: Arc<Peers>,
        settings: &HttpSettings,
    ) -> Self {
        Self { site, hosts, peers, body_timeout: settings.body_timeout }
    }

    pub(super) async fn enter(&self, peer: Peer, request: Request<Incoming>) -> Response {
        if self.hosts.admits(request.uri(), request.headers()).is_err() {
            return self.site.turned_away(StatusCode::FORBIDDEN);
        }
        if let Err(wait) = self.peers.admit(peer) {
            let mut response = self.site.turned_away(StatusCode::TOO_MANY_REQUESTS);
            response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().max(1).into());
            return response;
        }
        let (parts, body) = request.into_parts();
        let body = match body::read(&parts.headers, body, MAX_FORM_BYTES, self.body_timeout).await {
            Ok(body) => body,
            Err(refused) => return self.unread(refused),
        };
        let response = self
            .site
            .answer(Asked {
                from: peer.0,
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                method: parts.method,
                headers: parts.headers,
                body,
            })
            .await;
        if let Some(Stranger(code)) = response.extensions().get() {
            self.took_a_stranger(peer, code);
        }
        response
    }

    /// One who keeps at it is counted rather than recorded.
    fn took_a_stranger(&self, peer: Peer, code: &str) {
        if self.peers.stranger(peer).is_ok() {
            self.site.record_stranger(code, 0);
        } else if let Some(before) = self.peers.to_record(peer) {
            self.site.record_stranger(code, before);
        }
    }

    fn unread(&self, refused: BodyRefused) -> Response {
        let status = match refused {
            BodyRefused::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            BodyRefused::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BodyRefused::Broken => StatusCode::BAD_REQUEST,
        };
        let mut response = self.site.turned_away(status);
        let close = axum::http::HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        response
    }
}
