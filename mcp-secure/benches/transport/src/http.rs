//! A client that keeps its connections open and asks again as soon as it is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Ran;
use crate::calls::{Call, check};
use crate::servers::Server;

pub(crate) async fn run(server: &Server, call: &Call, connections: usize, length: Duration) -> Ran {
    let numbers = Arc::new(AtomicU64::new(1));
    let head = Arc::new(head(server, call));
    let mut tasks = tokio::task::JoinSet::new();
    let (clock, cpu) = (Instant::now(), server.cpu());
    for _ in 0..connections {
        let (head, numbers, addr) = (Arc::clone(&head), Arc::clone(&numbers), server.addr.clone());
        let message = call_message(call);
        tasks.spawn(async move {
            let mut client = Client::connect(&addr).await;
            let mut calls = 0_u64;
            while clock.elapsed() < length {
                let body = message(numbers.fetch_add(1, Ordering::Relaxed));
                check(client.ask(&head, &body).await);
                calls += 1;
            }
            calls
        });
    }
    let calls: u64 = tasks.join_all().await.into_iter().sum();
    let (took, used) = (clock.elapsed(), server.cpu().saturating_sub(cpu));
    Ran {
        per_second: calls as f64 / took.as_secs_f64(),
        cpu_us: used.as_secs_f64() * 1e6 / calls as f64,
    }
}

/// Messages are made beforehand, so that the client spends its time on the wire.
fn call_message(call: &Call) -> impl Fn(u64) -> String + Send + 'static {
    let made: Vec<String> = (0..256).map(|n| call.message(1_000_000 + n)).collect();
    move |n| {
        let number = format!("\"id\":{}", 1_000_000 + n % 256);
        let mark = format!("\"mark\":{}", 1 + (1_000_000 + n % 256) % 1_000_000_000);
        made[(n % 256) as usize]
            .replace(&number, &format!("\"id\":{n}"))
            .replace(&mark, &format!("\"mark\":{}", 1 + n % 1_000_000_000))
    }
}

fn head(server: &Server, call: &Call) -> String {
    let token = server.token.as_ref();
    let token = token.map(|t| format!("Authorization: Bearer {t}\r\n")).unwrap_or_default();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\n{token}Content-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: tools/call\r\nMcp-Name: {}\r\nContent-Length: ",
        server.addr, call.tool
    )
}

struct Client {
    stream: TcpStream,
    sent: Vec<u8>,
    got: Vec<u8>,
}

impl Client {
    async fn connect(addr: &str) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, sent: Vec::new(), got: Vec::with_capacity(8192) }
    }

    /// One request, and the whole of its answer's body.
    async fn ask(&mut self, head: &str, body: &str) -> &[u8] {
        self.sent.clear();
        self.sent.extend_from_slice(head.as_bytes());
        self.sent.extend_from_slice(format!("{}\r\n\r\n{body}", body.len()).as_bytes());
        self.stream.write_all(&self.sent).await.unwrap();
        self.got.clear();
        loop {
            assert_ne!(self.stream.read_buf(&mut self.got).await.unwrap(), 0, "the server hung up");
            if let Some(begins) = complete(&self.got) {
                return &self.got[begins..];
            }
        }
    }
}

/// Where the body begins, once all of it is there.
fn complete(got: &[u8]) -> Option<usize> {
    let begins = got.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&got[..begins]).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{}", String::from_utf8_lossy(got));
    let length: usize = head
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        })
        .expect("a JSON reply says its length");
    (got.len() >= begins + length).then_some(begins)
}
