//! Streamable HTTP: a door that validates and authenticates, then rmcp, then the pipeline.

mod connections;
mod door;
mod hosts;
mod peers;
mod plain;
mod replies;
mod sessions;
mod settings;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Request};
use axum::response::Response;
use hyper::body::Incoming;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(super) use door::Caller;
use door::Door;
use hosts::Hosts;
use peers::Peer;
use sessions::Sessions;
pub(crate) use settings::{HttpError, HttpSettings, PublicHttp};

use super::face::Face;
use super::handler::{Handler, Running};
use crate::pipeline::Transport;

/// A server bound to its address, not yet answering.
pub(crate) struct HttpServer {
    listener: TcpListener,
    addr: SocketAddr,
    settings: HttpSettings,
}

impl HttpServer {
    /// Checks the settings and takes the address. Port 0 takes a free one.
    pub(crate) async fn bind(settings: HttpSettings) -> Result<Self, HttpError> {
        settings.check()?;
        let failed = |source| HttpError::Bind { addr: settings.addr, source };
        let listener = TcpListener::bind(settings.addr).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, addr, settings })
    }

    /// The address it listens on.
    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `shutdown`, then lets calls under way end, for a time.
    pub(crate) async fn run(self, face: Arc<dyn Face>, shutdown: CancellationToken) {
        let running = Running::default();
        let streams = CancellationToken::new();
        let front = Front::new(face, &self.settings, self.addr, &running, &streams);
        let connections =
            connections::accept(&self.listener, Arc::new(front), &self.settings, &shutdown).await;
        drop(self.listener);
        // Calls under way end first, then what only listens is cut, then nobody is waited for any longer.
        drop(tokio::time::timeout(self.settings.drain, running.none()).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
        streams.cancel();
        connections.finish(Duration::from_secs(1)).await;
    }
}

/// What answers on every connection: names and origins first, then the way in, or that the process is well.
struct Front {
    hosts: Hosts,
    door: Door,
}

impl Front {
    fn new(
        face: Arc<dyn Face>,
        settings: &HttpSettings,
        addr: SocketAddr,
        running: &Running,
        streams: &CancellationToken,
    ) -> Self {
        let hosts = Hosts::new(settings, addr);
        // rmcp checks both again by the same lists, behind the door.
        let mut config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(settings.sessions)
            .with_json_response(true)
            .with_allowed_hosts(hosts.allowed_hosts())
            .with_allowed_origins(hosts.allowed_origins())
            .enforce_origin_validation()
            .with_max_request_body_bytes(settings.max_body_bytes)
            .with_cancellation_token(streams.clone());
        config.sse_keep_alive = Some(Duration::from_secs(15));
        let handler = Handler::new(Arc::clone(&face), Transport::Http, running.clone());
        let sessions = Arc::new(Sessions::new(settings.max_sessions, settings.max_sessions_each));
        let each = handler.clone();
        let service = StreamableHttpService::new(move || Ok(each.for_session()), sessions, config);
        Self { hosts, door: Door::new(face, settings, handler, service) }
    }

    async fn answer(&self, peer: Peer, request: Request<Incoming>) -> Response {
        if let Err(why) = self.hosts.admits(request.uri(), request.headers()) {
            return replies::forbidden(why);
        }
        match request.uri().path() {
            "/mcp" => self.door.enter(peer, request).await,
            "/healthz" if matches!(*request.method(), Method::GET | Method::HEAD) => {
                replies::healthy()
            }
            "/healthz" => replies::only_read(),
            _ => replies::not_found(),
        }
    }
}
