//! A receiver that answers as a test says.

use crate::webhook::{Verified, Verifier, VerifyError};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// A message as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn verified(&self, verifier: &Verifier) -> Result<Verified, VerifyError> {
        verifier.verify(|name| self.header(name), &self.body)
    }

    /// The request's id and the state that it came to.
    pub(super) fn about(&self) -> (String, String) {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        (text(&body["data"]["id"]), text(&body["type"]))
    }
}

/// What a receiver does with a message.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Status(u16),
    /// A status with one more header.
    With(u16, &'static str, String),
    /// Never answers.
    Hang,
    /// Says 200, and then talks without end.
    Endless,
}

type Script = Box<dyn FnMut(&Seen) -> Reply + Send>;

#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) addr: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Mutex<Script>>,
}

impl Receiver {
    pub(super) fn new(addr: SocketAddr) -> Self {
        let script: Script = Box::new(|_| Reply::Status(204));
        Self { addr, seen: Arc::default(), script: Arc::new(Mutex::new(script)) }
    }

    /// Answers 204 until it is told otherwise.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self::new(listener.local_addr().unwrap());
        let this = receiver.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(this.clone().serve(stream));
            }
        });
        receiver
    }

    pub(super) async fn serve<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = hyper::service::service_fn(move |request| {
            let this = self.clone();
            async move { Ok::<_, Infallible>(this.answer(request).await) }
        });
        let http = hyper::server::conn::http1::Builder::new();
        drop(http.serve_connection(TokioIo::new(stream), service).await);
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Response<http_body_util::Either<Full<Bytes>, Drip>> {
        let headers = request.headers().clone();
        let body = request.into_body().collect().await.unwrap().to_bytes().to_vec();
        let seen = Seen { headers, body };
        let reply = (self.script.lock().unwrap())(&seen);
        self.seen.lock().unwrap().push(seen);
        let empty = http_body_util::Either::Left(Full::default());
        match reply {
            Reply::Status(status) => Response::builder().status(status).body(empty).unwrap(),
            Reply::With(status, name, value) => {
                Response::builder().status(status).header(name, value).body(empty).unwrap()
            }
            Reply::Hang => std::future::pending().await,
            Reply::Endless => Response::new(http_body_util::Either::Right(Drip)),
        }
    }

    pub(super) fn says(&self, script: impl FnMut(&Seen) -> Reply + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    pub(super) fn always(&self, reply: Reply) {
        self.says(move |_| reply.clone());
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The states that the request called `id` came to, in the order they were heard of.
    pub(super) fn heard_of(&self, id: &str) -> Vec<String> {
        let about = self.seen().into_iter().map(|seen| seen.about());
        about.filter(|(of, _)| of == id).map(|(_, kind)| kind).collect()
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.addr)
    }
}

/// A body that never ends.
pub(super) struct Drip;

impl hyper::body::Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        let frame = hyper::body::Frame::data(Bytes::from_static(&[b'x'; 4096]));
        std::task::Poll::Ready(Some(Ok(frame)))
    }
}
