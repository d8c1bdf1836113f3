//! A host that keeps so many calls in flight.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::Ran;
use crate::calls::{READ, check};
use crate::servers::Server;

/// The handshake.
pub(crate) async fn begin(server: &mut Server) {
    let hello = serde_json::json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1.0.0"}}});
    let done = serde_json::json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    send(server, &format!("{hello}\n")).await;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') {
        read(server, &mut answer).await;
    }
    assert!(String::from_utf8_lossy(&answer).contains("serverInfo"));
    send(server, &format!("{done}\n")).await;
}

pub(crate) async fn run(server: &mut Server, flying: usize, length: Duration) -> Ran {
    let mut next = 1_u64;
    let mut batch = String::new();
    let (clock, cpu) = (Instant::now(), server.cpu());
    let (mut calls, mut open) = (0_u64, 0_usize);
    let mut got = Vec::with_capacity(256 * 1024);
    loop {
        let over = clock.elapsed() >= length;
        batch.clear();
        while !over && open < flying {
            batch.push_str(&READ.in_session(next));
            batch.push('\n');
            next += 1;
            open += 1;
        }
        if !batch.is_empty() {
            send(server, &batch).await;
        }
        if open == 0 {
            break;
        }
        read(server, &mut got).await;
        let whole = got.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in got[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            check(line);
            calls += 1;
            open -= 1;
        }
        got.drain(..whole);
    }
    let (took, used) = (clock.elapsed(), server.cpu().saturating_sub(cpu));
    Ran {
        per_second: calls as f64 / took.as_secs_f64(),
        cpu_us: used.as_secs_f64() * 1e6 / calls as f64,
    }
}

async fn send(server: &mut Server, text: &str) {
    server.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).await.unwrap();
}

async fn read(server: &mut Server, into: &mut Vec<u8>) {
    let read = server.child.stdout.as_mut().unwrap().read_buf(into).await.unwrap();
    assert_ne!(read, 0, "the server went away");
}
