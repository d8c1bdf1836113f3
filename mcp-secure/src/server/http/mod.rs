//! Streamable HTTP: a door that validates and authenticates, then rmcp, then the pipeline.

mod api;
mod body;
mod connections;
mod door;
mod hosts;
mod inbox;
mod peers;
mod plain;
pub(crate) mod replies;
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

use api::ApiDoor;
pub(super) use door::Caller;
use door::Door;
use hosts::Hosts;
use inbox::InboxDoor;
use peers::{Peer, Peers};
use sessions::Sessions;
pub(crate) use settings::{HttpError, HttpSettings, PublicHttp};

use super::face::Face;
use super::handler::{Handler, Running};
use crate::api::Api;
use crate::inbox::{Site, owns};
use crate::pipeline::Transport;

/// A server bound to its address, not yet answering.
pub(crate) struct HttpServer {
    listener: TcpListener,
    addr: SocketAddr,
    settings: HttpSettings,
    /// Where the inbox has a listener of its own.
    own: Option<(TcpListener, SocketAddr)>,
    api: Option<Arc<Api>>,
}

async fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), HttpError> {
    let failed = |source| HttpError::Bind { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

impl HttpServer {
    /// Checks the settings and takes the address. Port 0 takes a free one.
    pub(crate) async fn bind(settings: HttpSettings) -> Result<Self, HttpError> {
        settings.check()?;
        let (listener, addr) = listen(settings.addr).await?;
        let own = match settings.inbox {
            Some(addr) => Some(listen(addr).await?),
            None => None,
        };
        Ok(Self { listener, addr, settings, own, api: None })
    }

    /// With the decision API beside MCP.
    pub(crate) fn deciding(mut self, api: Arc<Api>) -> Self {
        self.api = Some(api);
        self
    }

    /// The address it listens on.
    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address that the inbox is served on.
    pub(crate) fn inbox_addr(&self) -> SocketAddr {
        self.own.as_ref().map_or(self.addr, |(_, addr)| *addr)
    }

    /// Serves until `shutdown`, then lets calls under way end, for a time.
    pub(crate) async fn run(
        self,
        face: Arc<dyn Face>,
        site: Option<Arc<Site>>,
        shutdown: CancellationToken,
    ) {
        let running = Running::default();
        let streams = CancellationToken::new();
        let peers = Arc::new(Peers::new(&self.settings));
        let addr = self.inbox_addr();
        let mut inbox = site.map(|site| {
            let hosts = Hosts::of_inbox(&self.settings, addr, site.declared_base());
            InboxDoor::new(site, hosts, Arc::clone(&peers), &self.settings)
        });
        let own = self
            .own
            .map(|(listener, _)| (listener, Front::of_inbox(&self.settings, addr, inbox.take())));
        let api = self
            .api
            .map(|api| ApiDoor::new(api, Arc::clone(&face), Arc::clone(&peers), &self.settings));
        let mut front = Front::new(face, &self.settings, self.addr, &running, &streams, peers);
        (front.inbox, front.api) = (inbox, api);
        let accepting =
            connections::accept(&self.listener, Arc::new(front), &self.settings, &shutdown);
        let connections = match own {
            None => vec![accepting.await],
            Some((listener, front)) => {
                let beside =
                    connections::accept(&listener, Arc::new(front), &self.settings, &shutdown);
                let (first, second) = tokio::join!(accepting, beside);
                vec![first, second]
            }
        };
        drop(self.listener);
        // Calls under way end first, then what only listens is cut, then nobody is waited for any longer.
        drop(tokio::time::timeout(self.settings.drain, running.none()).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
        streams.cancel();
        for open in connections {
            open.finish(Duration::from_secs(1)).await;
        }
    }
}

/// What answers on every connection: names and origins first, then the way in, or that the process is well.
struct Front {
    hosts: Hosts,
    /// Nothing where the inbox alone is served.
    door: Option<Door>,
    inbox: Option<InboxDoor>,
    api: Option<ApiDoor>,
}

impl Front {
    fn new(
        face: Arc<dyn Face>,
        settings: &HttpSettings,
        addr: SocketAddr,
        running: &Running,
        streams: &CancellationToken,
        peers: Arc<Peers>,
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
        let door = Door::new(face, settings, handler, service, peers);
        Self { hosts, door: Some(door), inbox: None, api: None }
    }

    /// For a listener of the inbox's own.
    fn of_inbox(settings: &HttpSettings, addr: SocketAddr, inbox: Option<InboxDoor>) -> Self {
        Self { hosts: Hosts::new(settings, addr), door: None, inbox, api: None }
    }

    async fn answer(&self, peer: Peer, request: Request<Incoming>) -> Response {
        if let Some(inbox) = self.inbox.as_ref().filter(|_| owns(request.uri().path())) {
            // It looks at names and origins itself: its own address may be another one. Boxed, so that calls do not make room
            // for it.
            return Box::pin(inbox.enter(peer, request)).await;
        }
        if let Err(why) = self.hosts.admits(request.uri(), request.headers()) {
            return replies::forbidden(why);
        }
        match (request.uri().path(), &self.door) {
            ("/mcp", Some(door)) => door.enter(peer, request).await,
            (path, Some(_)) if crate::api::owns(path) => match &self.api {
                Some(api) => Box::pin(api.enter(peer, request)).await,
                None => replies::no_decisions(),
            },
            ("/healthz", _) if matches!(*request.method(), Method::GET | Method::HEAD) => {
                replies::healthy()
            }
            ("/healthz", _) => replies::only_read(),
            _ => replies::not_found(),
        }
    }
}
