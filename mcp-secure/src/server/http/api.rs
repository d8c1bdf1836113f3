//! The way in for the decision API: the same names, origins and limits as for MCP, and tokens of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Request};
use axum::response::Response;
use hyper::body::Incoming;

use super::body::{self, BodyRefused};
use super::door::authorization;
use super::peers::{Peer, Peers};
use super::replies;
use super::settings::HttpSettings;
use crate::api::{Api, Asked, MAX_BODY};
use crate::identity::{AuthError, Authenticated};
use crate::server::face::Face;

/// The decision API behind its door.
pub(super) struct ApiDoor {
    api: Arc<Api>,
    face: Arc<dyn Face>,
    peers: Arc<Peers>,
    body_timeout: Duration,
}

impl ApiDoor {
    pub(super) fn new(
        api: Arc<Api>,
        face: Arc<dyn Face>,
        peers: Arc<Peers>,
        settings: &HttpSettings,
    ) -> Self {
        Self { api, face, peers, body_timeout: settings.body_timeout }
    }

    pub(super) async fn enter(&self, peer: Peer, request: Request<Incoming>) -> Response {
        if let Err(wait) = self.peers.admit(peer) {
            self.peers.counted(&*self.face, peer);
            return replies::too_many_requests(wait);
        }
        let who = match self.authenticate(request.headers()) {
            Ok(who) => who,
            Err(why) => return self.turn_away(why, peer),
        };
        if let Err(refused) = self.api.admit(&who) {
            return *refused;
        }
        let (parts, body) = request.into_parts();
        let body = match body::read(&parts.headers, body, MAX_BODY, self.body_timeout).await {
            Ok(body) => body,
            Err(BodyRefused::TooLarge) => return replies::too_large(MAX_BODY),
            Err(BodyRefused::TooSlow) => return replies::too_slow(),
            Err(BodyRefused::Broken) => return replies::broken(),
        };
        let asked = Asked {
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            method: parts.method,
            headers: parts.headers,
            body,
        };
        self.api.answer(who, asked).await
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<Authenticated, AuthError> {
        self.api.authenticate(authorization(headers)?)
    }

    /// As at the door of MCP, always with the challenge.
    fn turn_away(&self, why: AuthError, peer: Peer) -> Response {
        self.peers.proved_nothing(&*self.face, why, peer);
        replies::unauthenticated(why, None)
    }
}
