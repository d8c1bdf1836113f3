//! Taking connections: bounded in number, in header size and in the time their requests may take to arrive.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Front;
use super::peers::Peer;
use super::settings::HttpSettings;
use crate::limit::Crowd;

/// Headers of one request, all together.
const MAX_HEADER_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;

/// The connections that are still open.
pub(super) struct Connections(JoinSet<()>);

impl Connections {
    /// Waits for them to end, and cuts what has not.
    pub(super) async fn finish(mut self, within: Duration) {
        let all = async { while self.0.join_next().await.is_some() {} };
        if tokio::time::timeout(within, all).await.is_err() {
            self.0.shutdown().await;
        }
    }
}

/// Takes connections until `shutdown`; those that are open by then finish the request they are at.
pub(super) async fn accept(
    listener: &TcpListener,
    front: Arc<Front>,
    settings: &HttpSettings,
    shutdown: &CancellationToken,
) -> Connections {
    let room = Arc::new(Semaphore::new(settings.max_connections));
    let mut open = JoinSet::new();
    let crowd = Crowd::default();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES);
    loop {
        // Without room nobody is taken: who waits in the queue of the system costs nothing.
        let stream = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = open.join_next(), if !open.is_empty() => continue,
            taken = take(listener, &room) => taken,
        };
        let Some((stream, peer, place)) = stream else { continue };
        let most = settings.connections_per_peer.filter(|_| !settings.spares(peer));
        let seat = most.map(|most| crowd.enter(peer.0, most));
        if matches!(seat, Some(None)) {
            turn_away(&stream);
            continue;
        }
        let front = Arc::clone(&front);
        let service = service_fn(move |request| {
            let front = Arc::clone(&front);
            async move { Ok::<_, Infallible>(front.answer(peer, request).await) }
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let shutdown = shutdown.clone();
        open.spawn(async move {
            let _held = (place, seat);
            tokio::pin!(connection);
            tokio::select! {
                // A client that broke off is an everyday thing.
                _ = connection.as_mut() => return,
                () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            drop(connection.await);
        });
    }
    Connections(open)
}

/// Says so to whoever holds too many connections already, if that can be said without waiting.
fn turn_away(stream: &TcpStream) {
    const SAYS: &str = r#"{"error":"too_many_connections","error_description":"this address holds too many connections open"}"#;
    let reply = format!(
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 5\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{SAYS}",
        SAYS.len()
    );
    // A client that does not take it learns it from the end of the connection.
    drop(stream.try_write(reply.as_bytes()));
}

async fn take(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, Peer, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, addr)) => {
            // Small replies leave at once: with Nagle's algorithm each event of a stream waits 40 ms.
            stream.set_nodelay(true).ok()?;
            Some((stream, Peer::of(addr.ip()), place))
        }
        Err(error) => {
            // Out of descriptors, most likely. Taking the next one at once would only spin.
            tracing::warn!(%error, "a connection could not be taken");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
