//! Changes, in process, with everything on: the record and the store synced, a key, a policy, a resource.
//!
//! `cargo bench -p mcp-secure --features postgres --bench mutate [-- sqlite|postgres] [SECONDS]`. Strict durability; the
//! PostgreSQL is one of its own, with `fsync` on. Ends with 1 where a promise is not held.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unused_async,
    reason = "a bench ends where something is amiss, and its numbers are smaller than 2^52"
)]

mod cpu;
mod replicas;
#[path = "../common/report.rs"]
mod report;
#[path = "../common/sync.rs"]
mod sync;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mcp_secure::pipeline::Settings;
use mcp_secure::prelude::*;
use mcp_secure::testing::LocalServer;
use report::{millis, promise};
use serde_json::json;

/// Some of the numbers of calls that were carried out.
#[derive(Default)]
struct Ledger(AtomicU64);

#[derive(State)]
struct App {
    #[state(write)]
    ledger: Arc<Ledger>,
}

/// Pays a bill, once.
#[tool(risk = "high", permission = "bill.pay", idempotency(key = [bill]))]
async fn pay_bill(ledger: &Arc<Ledger>, bill: u64) -> Content {
    ledger.0.fetch_add(1, Ordering::Relaxed);
    Content::text(format!("paid {bill}"))
}

struct Ran {
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

async fn run(local: &LocalServer, next: &Arc<AtomicU64>, at_once: usize, length: Duration) -> Ran {
    let clock = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (client, next) = (local.connect("alice").unwrap(), Arc::clone(next));
        tasks.spawn(async move {
            let mut took = Vec::new();
            while clock.elapsed() < length {
                let bill = next.fetch_add(1, Ordering::Relaxed);
                let begun = Instant::now();
                let reply = client.call("pay_bill", json!({"bill": bill})).await;
                took.push(begun.elapsed());
                assert!(reply.ok && !reply.replayed, "{:?}", reply.structured);
            }
            took
        });
    }
    let mut took: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    let per_second = took.len() as f64 / clock.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    Ran { per_second, p50: at(0.5), p99: at(0.99) }
}

/// A server with its record in `folder` and its store where `store` says, else in the folder too.
async fn open(folder: &Path, store: Option<&str>, ledger: &Arc<Ledger>) -> LocalServer {
    let state = Arc::clone(ledger);
    let mut server = Server::builder(move |_| Ok::<_, String>(App { ledger: Arc::clone(&state) }))
        .info("bench", "1.0.0")
        .owner("benches")
        .tools(tools![pay_bill])
        .settings(Settings { quota: None, ..Settings::default() })
        .people(People::new().with(Person::new("alice", "acme").roles(["clerk"])))
        .policies(Policies::from_str(
            "bench.cedar",
            r#"permit (principal in Role::"clerk", action in Action::"bill.pay", resource);"#,
        ));
    if let Some(store) = store {
        server = server.store(store.parse().unwrap());
    }
    LocalServer::open(server, folder).await.unwrap()
}

/// Warms up, runs, and makes sure that each call ran once.
async fn measured(
    local: &LocalServer,
    ledger: &Ledger,
    first: u64,
    at_once: usize,
    length: Duration,
) -> Ran {
    let next = Arc::new(AtomicU64::new(first));
    let before = ledger.0.load(Ordering::Relaxed);
    run(local, &next, at_once, length / 5).await;
    let ran = run(local, &next, at_once, length).await;
    let done = ledger.0.load(Ordering::Relaxed) - before;
    assert_eq!(done, next.load(Ordering::Relaxed) - first, "each call ran once");
    ran
}

fn report(name: &str, ran: &Ran) {
    println!(
        "{name:>24}{:>12.0}{:>12.2}{:>12.2}",
        ran.per_second,
        millis(ran.p50),
        millis(ran.p99)
    );
}

/// In this process, with the store in a file.
async fn sqlite(folder: &Path, sync: Duration, length: Duration) -> bool {
    let ledger = Arc::new(Ledger::default());
    let local = open(folder, None, &ledger).await;
    let mut last = None;
    for (nth, at_once) in [1, 16, 64].into_iter().enumerate() {
        let ran = measured(&local, &ledger, nth as u64 * 1_000_000_000, at_once, length).await;
        report(&format!("{at_once} at once"), &ran);
        last = Some(ran);
    }
    let ran = last.unwrap();
    println!("{:.1} durable calls in the time of one sync", ran.per_second * sync.as_secs_f64());
    promise(
        ran.per_second >= 5000.0 && ran.p99 < Duration::from_millis(50),
        "SQLite: 5,000 a second at 64, p99 under 50 ms",
    )
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|w| w != "--bench").collect();
    if let [kind, url, folder, first, seconds] = &words[..]
        && kind == "child"
    {
        let length = Duration::from_secs_f64(seconds.parse().unwrap());
        return replicas::child(url, Path::new(folder), first.parse().unwrap(), length).await;
    }
    let seconds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(5.0);
    let length = Duration::from_secs_f64(seconds);
    // On a disk: the system's folder for temporary files may lie in memory, where a sync costs nothing.
    let exe = std::env::current_exe().unwrap();
    let folder = tempfile::tempdir_in(exe.parent().unwrap()).unwrap();
    let [sync, _] = sync::one_sync(folder.path());
    let each = 1.0 / sync.as_secs_f64();
    println!("one write and sync: {:.3} ms, so {each:.0} a second", millis(sync));
    println!("{:>24}{:>12}{:>12}{:>12}", "", "calls/s", "p50 ms", "p99 ms");
    let mut held = true;
    if !words.iter().any(|word| word == "postgres") {
        held &= sqlite(folder.path(), sync, length).await;
    }
    if !words.iter().any(|word| word == "sqlite") {
        let folder = folder.path().to_owned();
        held &=
            tokio::task::spawn_blocking(move || replicas::compare(&folder, length)).await.unwrap();
    }
    if !held {
        std::process::exit(1);
    }
}
