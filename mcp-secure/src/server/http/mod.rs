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

use axum::Router;
use axum::routing::{any, get};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(super) use door::Caller;
use door::Door;
use hosts::Hosts;
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
        let router = router(face, &self.settings, self.addr, &running, &streams);
        let connections =
            connections::accept(&self.listener, router, &self.settings, &shutdown).await;
        drop(self.listener);
        // Calls under way end first, then what only listens is cut, then nobody is waited for any longer.
        drop(tokio::time::timeout(self.settings.drain, running.none()).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
        streams.cancel();
        connections.finish(Duration::from_secs(1)).await;
    }
}

fn router(
    face: Arc<dyn Face>,
    settings: &HttpSettings,
    addr: SocketAddr,
    running: &Running,
    streams: &CancellationToken,
) -> Router {
    let hosts = Arc::new(Hosts::new(settings, addr));
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
    let door = Arc::new(Door::new(face, settings, handler, service));
    Router::new()
        .route("/mcp", any(move |request| async move { door.enter(request).await }))
        .route("/healthz", get(|| async { replies::healthy() }))
        .fallback(|| async { replies::not_found() })
        .layer(axum::middleware::from_fn(move |request, next| {
            hosts::only_known(Arc::clone(&hosts), request, next)
        }))
}
