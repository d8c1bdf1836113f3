//! A proxy that hands each request to the next server, whoever sent it. It knows nothing of MCP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

/// Says which server answered, from 1.
pub const REPLICA: &str = "x-replica";

type Body = Either<Incoming, Full<Bytes>>;

/// The servers behind the proxy, and whose turn it is.
struct Servers {
    addresses: Vec<SocketAddr>,
    next: AtomicUsize,
}

/// Hands on what comes in at `listener`, until the task is dropped.
pub async fn run(listener: TcpListener, addresses: Vec<SocketAddr>) {
    let servers = Arc::new(Servers { addresses, next: AtomicUsize::new(0) });
    loop {
        // Out of file descriptors, say: it passes.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        drop(stream.set_nodelay(true));
        let servers = Arc::clone(&servers);
        let service = hyper::service::service_fn(move |request| {
            let servers = Arc::clone(&servers);
            async move { Ok::<_, Infallible>(servers.hand_on(request).await) }
        });
        tokio::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            // A client that hangs up is its own affair.
            drop(
                http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await,
            );
        });
    }
}

impl Servers {
    async fn hand_on(&self, mut request: Request<Incoming>) -> Response<Body> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        // One that does not even take the connection has seen nothing of the request, so the next one may have it.
        for nth in (0..self.addresses.len()).map(|n| (turn + n) % self.addresses.len()) {
            let Some(address) = self.addresses.get(nth) else { continue };
            let Ok(stream) = TcpStream::connect(address).await else { continue };
            drop(stream.set_nodelay(true));
            request.headers_mut().remove(header::CONNECTION);
            // From here on nobody knows how far the request came. Whoever asked has to ask again, with the same key.
            return match send(stream, request).await {
                Ok(response) => {
                    let mut response = response.map(Either::Left);
                    response.headers_mut().insert(REPLICA, HeaderValue::from(nth + 1));
                    response
                }
                Err(_) => no("the server went away in the middle; ask again"),
            };
        }
        no("no server takes connections")
    }
}

async fn send(
    stream: TcpStream,
    request: Request<Incoming>,
) -> Result<Response<Incoming>, hyper::Error> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

fn no(why: &'static str) -> Response<Body> {
    let mut response = Response::new(Either::Right(Full::from(why)));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
