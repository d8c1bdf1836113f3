//! HTTP as a browser and an agent speak it: one connection that stays open.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// A connection to the server.
pub(crate) struct Wire {
    to: SocketAddr,
    stream: TcpStream,
    got: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Wire {
    pub(crate) fn to(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { to, stream, got: Vec::new() }
    }

    /// One request and the whole of its answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let (to, length) = (self.to, body.len());
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: {to}\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(text.as_bytes()).unwrap();
        self.got.clear();
        let begins = loop {
            if let Some(at) = self.got.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            self.more();
        };
        let head = String::from_utf8(self.got[..begins].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length: usize = header(&head, "content-length")
            .unwrap_or_else(|| panic!("an answer without its length: {head}"))
            .parse()
            .unwrap();
        while self.got.len() < begins + length {
            self.more();
        }
        Reply { status, head, body: String::from_utf8(self.got.split_off(begins)).unwrap() }
    }

    fn more(&mut self) {
        let mut some = [0; 8 * 1024];
        let count = self.stream.read(&mut some).unwrap();
        assert_ne!(count, 0, "the server hung up: {}", String::from_utf8_lossy(&self.got));
        self.got.extend_from_slice(&some[..count]);
    }

    /// A message of the 2026-07-28 protocol, and its result.
    pub(crate) fn mcp(&mut self, token: &str, message: &Value) -> Value {
        let params = &message["params"];
        let name = ["name", "taskId"].iter().find_map(|key| params[key].as_str()).unwrap();
        let method = message["method"].as_str().unwrap();
        let headers = format!(
            "authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n\
             mcp-method: {method}\r\nmcp-name: {name}\r\n"
        );
        let reply = self.ask("POST", "/mcp", &headers, &message.to_string());
        let answer: Value = serde_json::from_str(&reply.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {reply:?}"));
        answer.get("result").unwrap_or_else(|| panic!("no result: {answer:#}")).clone()
    }
}

impl Reply {
    #[track_caller]
    pub(crate) fn with(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}{}", self.head, self.body);
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
