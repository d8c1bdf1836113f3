//! HTTP to a server that may die in the middle of it: every way to get no whole answer is `None`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

/// A request with its body, and headers as lines.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [String],
    pub(crate) body: &'a str,
}

impl Request<'_> {
    /// Sends it, does `meanwhile`, and waits for the answer.
    pub(crate) fn send(&self, to: SocketAddr, meanwhile: impl FnOnce()) -> Option<Reply> {
        let Self { method, path, headers, body } = self;
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        for header in *headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        text.push_str(body);
        let mut stream = TcpStream::connect(to).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(text.as_bytes()).ok()?;
        meanwhile();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Reply::whole(&String::from_utf8(answer).ok()?)
    }
}

impl Reply {
    fn whole(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let reply = Self { status, head: head.to_owned(), body: body.to_owned() };
        let length: usize = reply.header("content-length").map_or(Some(0), |n| n.parse().ok())?;
        (reply.body.len() == length).then_some(reply)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut lines = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        lines.next().map(|(_, value)| value.trim())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of a hidden field of a form.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    }
}
