//! What this process asks of other servers over HTTP: no redirects, an end in time, answers of a bounded size.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Request, StatusCode, Url};

use crate::tls::{self, NoTls};

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Why another server gave no answer. The address is not told: it may hold what only the operator is to see.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboundError {
    #[error("it can not be reached: {0}")]
    Unreachable(String),
    #[error("it does not answer in time")]
    TooSlow,
    #[error("its answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("`{0}` is not asked: use https; plain http is for this machine alone")]
    NotSafe(String),
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A client for one kind of peer.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    client: Client,
    plain: bool,
    max_bytes: usize,
}

impl Outbound {
    /// Speaks https to whom this system's certificates vouch for; where `plain`, also http with this machine. An answer
    /// comes `within` this time as a whole and has `max_bytes` at most.
    pub(crate) fn new(plain: bool, within: Duration, max_bytes: usize) -> Result<Self, NoTls> {
        // Where all that is asked is on this machine, its certificates may be missing.
        let tls = match tls::trusting_this_system() {
            Err(NoTls::NoAuthority) if plain => tls::trusting(rustls::RootCertStore::empty()),
            made => made,
        }?;
        let mut client = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(!plain)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("mcp-secure/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            .timeout(within);
        if plain {
            // A proxy is another machine.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| NoTls::Setup(told(&error)))?;
        Ok(Self { client, plain, max_bytes })
    }

    /// Sends it and takes the whole answer.
    pub(crate) async fn send(&self, request: Request) -> Result<Answered, OutboundError> {
        if !is_safe(request.url(), self.plain) {
            return Err(OutboundError::NotSafe(origin(request.url())));
        }
        let mut response = self.client.execute(request).await.map_err(|e| failed(&e))?;
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|e| failed(&e))? {
            if body.len().saturating_add(part.len()) > self.max_bytes {
                return Err(OutboundError::TooLarge(self.max_bytes));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answered { status: response.status(), headers: response.headers().clone(), body })
    }
}

/// Whether nobody on the way can read or change what is sent there: https, or http that stays on this machine.
pub(crate) fn is_safe(url: &Url, plain: bool) -> bool {
    let named = url.host_str().is_some_and(|host| !host.is_empty());
    named && (url.scheme() == "https" || (plain && url.scheme() == "http" && is_here(url)))
}

/// Whether it is on this machine (RFC 6761 section 6.3 for the name).
pub(crate) fn is_here(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || bare.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// Scheme, host and port: what a message may hold of an address.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn failed(error: &reqwest::Error) -> OutboundError {
    if error.is_timeout() {
        OutboundError::TooSlow
    } else {
        OutboundError::Unreachable(told(error))
    }
}

/// The innermost cause, which is the one that helps: `connection refused` rather than `error sending request`.
fn told(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(url: &str, plain: bool) -> bool {
        is_safe(&url.parse().unwrap(), plain)
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for url in [
            "http://localhost:1/a",
            "http://127.0.0.1/",
            "http://[::1]:8080/x",
            "http://127.9.9.9/",
        ] {
            assert!(safe(url, true), "{url}");
            assert!(!safe(url, false), "{url}");
        }
        for url in [
            "http://example.com/",
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "http://user@10.0.0.1/",
            "http://127.0.0.1@example.com/",
            "ftp://localhost/",
            "file:///etc/passwd",
            "unix:/run/x",
        ] {
            assert!(!safe(url, true), "{url}");
        }
        assert!(safe("https://example.com/", false));
    }

    async fn server(answer: &'static [u8]) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = [0; 1024];
                drop(stream.read(&mut asked).await);
                drop(stream.write_all(answer).await);
            }
        });
        format!("http://{address}/")
    }

    fn get(url: &str) -> Request {
        Request::new(reqwest::Method::GET, url.parse().unwrap())
    }

    fn client(plain: bool) -> Outbound {
        Outbound::new(plain, Duration::from_secs(5), 64).unwrap()
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_followed() {
        let url = server(
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        )
        .await;
        let answered = client(true).send(get(&url)).await.unwrap();
        assert_eq!(answered.status, StatusCode::FOUND);
    }

    #[tokio::test]
    async fn an_answer_without_end_is_given_up() {
        let body =
            [b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".as_slice(), &[b'x'; 100]].concat();
        let url = server(body.leak()).await;
        let refused = client(true).send(get(&url)).await.unwrap_err();
        assert!(matches!(refused, OutboundError::TooLarge(64)), "{refused}");
    }

    #[tokio::test]
    async fn who_does_not_answer_is_not_waited_for() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let client = Outbound::new(true, Duration::from_millis(200), 64).unwrap();
        let refused = client.send(get(&url)).await.unwrap_err();
        assert!(matches!(refused, OutboundError::TooSlow), "{refused}");
    }

    #[tokio::test]
    async fn plain_http_is_refused_before_anything_is_sent() {
        let url = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let refused = client(false).send(get(&url)).await.unwrap_err();
        assert!(matches!(refused, OutboundError::NotSafe(_)), "{refused}");
    }
}
