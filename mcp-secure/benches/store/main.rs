//! What a store sustains: calls that begin and end (`commit_run` and `finish_run`) under an idempotency key each.
//!
//! `cargo bench -p mcp-secure --bench store [--features postgres] -- sqlite|postgres [SECONDS] [CALLERS]`. `sqlite`
//! works in a new folder below the present one; `postgres` in the database that `MCP_SECURE_BENCH_POSTGRES` names.
//! Runs at one caller first: the ratio between the two is what the group commit is worth.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a bench ends where something is amiss"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mcp_secure::approval::Party;
use mcp_secure::canon::Digest;
use mcp_secure::clock::Clock;
use mcp_secure::identity::Method;
use mcp_secure::store::{Committed, NewKey, NewRun, RunId, RunResult, Sqlite, Store};

/// Says how many transactions a store has committed.
type Commits = Box<dyn Fn() -> u64>;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|w| w != "--bench").collect();
    let kind = words.first().map_or("sqlite", String::as_str).to_owned();
    let seconds = words.get(1).map_or(5, |w| w.parse().expect("seconds"));
    let callers = words.get(2).map_or(64, |w| w.parse().expect("callers"));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (store, commits, _folder) = open(&kind).await;
        println!("{kind}: {seconds} s each");
        for callers in [1, callers] {
            measure(&store, &commits, callers, Duration::from_secs(seconds)).await;
        }
    });
}

#[cfg_attr(
    not(feature = "postgres"),
    expect(clippy::unused_async, reason = "a server is waited for")
)]
async fn open(kind: &str) -> (Arc<dyn Store>, Commits, Option<tempfile::TempDir>) {
    match kind {
        "sqlite" => {
            let folder = tempfile::tempdir_in(".").unwrap();
            let store = Sqlite::open(&folder.path().join("store.db"), Clock::system()).unwrap();
            let store = Arc::new(store);
            let counted = Arc::clone(&store);
            (store, Box::new(move || counted.commits()), Some(folder))
        }
        #[cfg(feature = "postgres")]
        "postgres" => {
            use mcp_secure::store::{Postgres, PostgresOptions};
            let url =
                std::env::var("MCP_SECURE_BENCH_POSTGRES").expect("MCP_SECURE_BENCH_POSTGRES");
            let store = Postgres::open(&PostgresOptions::new(&url).unwrap()).await.unwrap();
            let store = Arc::new(store);
            let counted = Arc::clone(&store);
            (store, Box::new(move || counted.commits()), None)
        }
        other => panic!(
            "no store `{other}` in this build; say `sqlite`, or `postgres` with the feature `postgres`"
        ),
    }
}

async fn measure(store: &Arc<dyn Store>, commits: &Commits, callers: usize, length: Duration) {
    let pairs = Arc::new(AtomicU64::new(0));
    let before = commits();
    let begun = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (store, pairs) = (Arc::clone(store), Arc::clone(&pairs));
            tokio::spawn(async move {
                let mut took = Vec::new();
                while begun.elapsed() < length {
                    let start = Instant::now();
                    pair(&*store).await;
                    took.push(start.elapsed());
                    pairs.fetch_add(1, Ordering::Relaxed);
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.unwrap());
    }
    let (pairs, length) = (pairs.load(Ordering::Relaxed), begun.elapsed());
    let commits = commits() - before;
    took.sort_unstable();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index below the length"
    )]
    let at = |part: f64| took[(((took.len() - 1) as f64) * part) as usize].as_secs_f64() * 1000.0;
    println!(
        "{callers:>4} callers: {:>8.0} pairs/s  p50 {:>7.2} ms  p99 {:>7.2} ms  max {:>7.2} ms  {:.3} commits an operation",
        pairs as f64 / length.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
        commits as f64 / (2 * pairs) as f64,
    );
}

/// One call: the key is free, the body returns a small receipt.
async fn pair(store: &dyn Store) {
    let run = new_run();
    let id = run.run_id;
    let Committed::Running { fence, .. } = store.commit_run(run).await.unwrap() else {
        panic!("a fresh key is taken")
    };
    let answer = serde_json::json!({"refund_id": id, "order_id": "o-1", "amount_cents": 4_999, "status": "refunded"});
    let result =
        RunResult::Done { result: Digest::of_bytes(b"r"), answer: Some(answer), rollback: None };
    store.finish_run(&id, fence, result).await.unwrap();
}

fn new_run() -> NewRun {
    let run_id = RunId::random();
    let key = Digest::of_bytes(run_id.to_string().as_bytes());
    NewRun {
        run_id,
        request_id: "0190f4a2-7c5e-7d3a-9d59-2f6f3b1c4e8a".to_owned(),
        tool: "request_refund".to_owned(),
        effect: key,
        caller: Party {
            issuer: "https://id.example".to_owned(),
            subject: "alice".to_owned(),
            tenant: "acme".to_owned(),
            person: Some("alice@acme.example".to_owned()),
            actors: Vec::new(),
            client: "agent".to_owned(),
            method: Method::Bearer,
            roles: ["support".to_owned()].into(),
            scopes: ["refund.request".to_owned()].into(),
        },
        mutating: true,
        approval: None,
        idempotency: Some(NewKey { key, arguments: key, window_ms: 86_400_000, rerun: false }),
        compensates: None,
        lease_ms: 30_000,
    }
}
