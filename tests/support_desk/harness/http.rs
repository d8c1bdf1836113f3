//! HTTP by hand, so that a test can send what no client library would.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::desk::PATIENCE;

/// A request, as bytes.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Sets a header; an empty value takes it away.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        if !value.is_empty() {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Says a header once more.
    pub(crate) fn another(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn send(&self, to: SocketAddr) -> Response {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        let said =
            |name: &str| self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !said("host") {
            head.push_str(&format!("host: {to}\r\n"));
        }
        if !said("content-length") && !said("transfer-encoding") && self.method != "GET" {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("connection: close\r\n\r\n");
        raw(to, &[head.as_bytes(), &self.body].concat())
    }
}

/// Sends bytes as they are and reads until the server hangs up.
pub(crate) fn raw(to: SocketAddr, bytes: &[u8]) -> Response {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A server that has refused may close while we still write; its answer counts all the same.
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert!(!answer.is_empty(), "no answer: {error}");
    }
    Response::parse(&answer)
}

/// An MCP request of the 2026-07-28 protocol.
pub(crate) fn mcp(token: &str, message: &Value) -> Request {
    let method = message["method"].as_str().unwrap();
    let name = ["name", "uri", "taskId"]
        .iter()
        .find_map(|key| message["params"][key].as_str())
        .unwrap_or_default();
    Request::new("POST", "/mcp")
        .header(
            "authorization",
            &if token.is_empty() { String::new() } else { format!("Bearer {token}") },
        )
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .header("mcp-name", name)
        .body(message.to_string())
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no HTTP: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let chunked =
            headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = &bytes[end + 4..];
        let body = if chunked { dechunk(body) } else { body.to_vec() };
        Self { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The JSON-RPC message in the body, whether it came as JSON or as an event stream.
    #[track_caller]
    pub(crate) fn message(&self) -> Value {
        let stream =
            self.header("content-type").is_some_and(|t| t.starts_with("text/event-stream"));
        let last =
            |line: &&str| line.strip_prefix("data:").is_some_and(|data| !data.trim().is_empty());
        let text = if stream {
            let line =
                self.body.lines().rfind(last).unwrap_or_else(|| panic!("no event: {self:#?}"));
            line["data:".len()..].trim()
        } else {
            self.body.as_str()
        };
        serde_json::from_str(text).unwrap_or_else(|e| panic!("no JSON ({e}): {self:#?}"))
    }

    /// The result of a JSON-RPC answer.
    #[track_caller]
    pub(crate) fn result(&self) -> Value {
        let message = self.message();
        message.get("result").unwrap_or_else(|| panic!("no result: {message:#}")).clone()
    }
}

fn dechunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|w| w == b"\r\n") {
        let size =
            usize::from_str_radix(String::from_utf8_lossy(&body[..end]).trim(), 16).unwrap_or(0);
        let rest = &body[end + 2..];
        if size == 0 || rest.len() < size {
            break;
        }
        whole.extend_from_slice(&rest[..size]);
        body = rest.get(size + 2..).unwrap_or_default();
    }
    whole
}
