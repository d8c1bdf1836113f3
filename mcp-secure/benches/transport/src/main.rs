//! Calls a second through the transports, in turns with the same tools on bare rmcp.
//!
//! `cargo run --profile bench -p mcp-secure-bench --bin transport [-- http|stdio|mutate] [SECONDS]`, after
//! `cargo build --profile bench -p mcp-secure-bench`. Loopback and pipes only. Ends with 1 where a promise is not held.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench ends where something is amiss"
)]

mod calls;
mod http;
mod servers;
mod stdio;

use std::time::Duration;

use calls::{MARK, READ};
use servers::{Server, Which};

const ROUNDS: usize = 5;

/// What one run did.
#[derive(Debug, Clone, Copy)]
struct Ran {
    per_second: f64,
    /// Processor time of the server for one call, in microseconds.
    cpu_us: f64,
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let seconds = words.iter().filter_map(|w| w.parse().ok()).next().unwrap_or(3.0);
    let length = Duration::from_secs_f64(seconds);
    let all = !words.iter().any(|w| ["http", "stdio", "mutate"].contains(&w.as_str()));
    let wanted = |what: &str| all || words.iter().any(|w| w == what);
    let mut kept = Vec::new();
    println!("{:<34}{:>24}{:>24}{:>8}", "", "mcp-secure", "rmcp", "ratio");
    println!("{:<34}{:>12}{:>12}{:>12}{:>12}", "", "calls/s", "cpu us", "calls/s", "cpu us");
    if wanted("http") {
        let ratio = over_http("read over HTTP, 16 connections", &READ, 16, length).await;
        kept.push(promise("reads over HTTP", ratio, 0.8));
    }
    if wanted("stdio") {
        let mut ratios = Vec::new();
        for flying in [1, 16, 64] {
            ratios.push(over_stdio(flying, length).await);
        }
        kept.push(promise("reads over stdio, 64 in flight", ratios[2], 3.0));
    }
    if wanted("mutate") {
        over_http("mutate over HTTP, 1 connection", &MARK, 1, length).await;
        over_http("mutate over HTTP, 64 connections", &MARK, 64, length).await;
    }
    for (_, line) in &kept {
        println!("{line}");
    }
    if kept.iter().any(|(held, _)| !held) {
        std::process::exit(1);
    }
}

fn promise(what: &str, ratio: f64, least: f64) -> (bool, String) {
    let held = ratio >= least;
    let word = if held { "held  " } else { "MISSED" };
    (held, format!("{word} {what}: {ratio:.2} x rmcp, at least {least}"))
}

async fn over_http(name: &str, call: &calls::Call, connections: usize, length: Duration) -> f64 {
    let ours = Server::http(Which::Secure).await;
    let theirs = Server::http(Which::Bare).await;
    let mut runs = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        for (server, runs) in [&ours, &theirs].into_iter().zip(&mut runs) {
            let length = if round == 0 { length / 2 } else { length };
            let ran = http::run(server, call, connections, length).await;
            // The first one warms up.
            if round > 0 {
                runs.push(ran);
            }
        }
    }
    report(name, runs)
}

async fn over_stdio(flying: usize, length: Duration) -> f64 {
    let mut ours = Server::stdio(Which::Secure).await;
    let mut theirs = Server::stdio(Which::Bare).await;
    stdio::begin(&mut ours).await;
    stdio::begin(&mut theirs).await;
    let mut runs = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        for (server, runs) in [&mut ours, &mut theirs].into_iter().zip(&mut runs) {
            let length = if round == 0 { length / 2 } else { length };
            let ran = stdio::run(server, flying, length).await;
            if round > 0 {
                runs.push(ran);
            }
        }
    }
    report(&format!("read over stdio, {flying} in flight"), runs)
}

/// Prints the medians and returns the ratio of calls a second.
fn report(name: &str, runs: [Vec<Ran>; 2]) -> f64 {
    let median = |runs: &[Ran], of: fn(&Ran) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let [ours, theirs] = runs.map(|r| (median(&r, |r| r.per_second), median(&r, |r| r.cpu_us)));
    let ratio = ours.0 / theirs.0;
    println!(
        "{name:<34}{:>12.0}{:>12.1}{:>12.0}{:>12.1}{ratio:>8.2}",
        ours.0, ours.1, theirs.0, theirs.1
    );
    ratio
}
