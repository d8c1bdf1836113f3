//! The gate in process: the whole way of a read-only call, and each stage.
//!
//! `cargo bench -p mcp-secure --features bench-internals --bench gate`. Ends with 1 where a promise is not held.

mod app;
mod fillers;
mod measure;

use std::path::Path;

use mcp_secure::clock::Clock;
use mcp_secure::testing::{LocalClient, LocalServer};
use serde_json::{Map, Value, json};

use app::{TOOL, policies, server};
use measure::{Samples, clock_cost, micros, timed};

const ROUNDS: usize = 40;
/// A round fits into the queue of the record, so that no call meets a full one.
const CALLS: usize = 500;

/// One server with its client, and what was measured on it.
struct Case {
    name: &'static str,
    local: LocalServer,
    client: LocalClient,
    whole: Samples,
    stages: [Samples; STAGES.len()],
}

const STAGES: [&str; 7] = [
    "find",
    "validate and extract",
    "validate, with what the record needs",
    "load and authorise",
    "approve (nothing to approve)",
    "guard",
    "record queued",
];

impl Case {
    async fn open(name: &'static str, folder: &Path, policies: String) -> Self {
        let folder = folder.join(name.replace(' ', "-"));
        std::fs::create_dir_all(&folder).unwrap();
        let local =
            LocalServer::open_with(server(&policies), &folder, Clock::system(), false).await;
        let local = local.unwrap();
        let client = local.connect("alice").unwrap();
        Self { name, local, client, whole: Samples::default(), stages: Default::default() }
    }

    async fn round(&mut self, keep: bool) {
        for _ in 0..CALLS {
            let arguments = arguments();
            let (took, reply) = timed(self.client.call(TOOL, arguments.into())).await;
            assert!(reply.ok, "{:?}", reply.structured);
            if keep {
                self.whole.add(took);
            }
        }
        self.local.audit_dir().await;
        for _ in 0..CALLS {
            let output = output();
            let stages = self.client.stages(TOOL, arguments(), output).await.unwrap();
            if keep {
                let each = [
                    stages.find,
                    stages.extract,
                    stages.validate,
                    stages.authorise,
                    stages.approve,
                    stages.guard,
                    stages.record,
                ];
                self.stages.iter_mut().zip(each).for_each(|(samples, took)| samples.add(took));
            }
        }
        self.local.audit_dir().await;
    }

    fn report(&mut self) {
        println!("\n{}", self.name);
        println!("  {:<40} {:>9} {:>9}", "", "p50 us", "p99 us");
        println!("  {:<40} {}", "whole gate", self.whole.line());
        for (name, samples) in STAGES.iter().zip(&mut self.stages) {
            println!("  {name:<40} {}", samples.line());
        }
    }
}

fn arguments() -> Map<String, Value> {
    let Value::Object(map) = json!({"order_id": "ord_5001", "limit": 5, "currency": "EUR"}) else {
        unreachable!()
    };
    map
}

fn output() -> Value {
    json!({"order_id": "ord_5001", "status": "delivered", "total_cents": 129_900, "lines": [
        {"sku": "KB-104", "quantity": 1, "cents": 99_900},
        {"sku": "CB-020", "quantity": 3, "cents": 10_000}]})
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let mut cases = [
        Case::open("10 policies, all of this action", folder.path(), policies(10, 0)).await,
        Case::open("10 policies over 10 actions", folder.path(), policies(1, 9)).await,
        Case::open("100 policies over 100 actions", folder.path(), policies(1, 99)).await,
    ];
    // In turns, so that a noisy moment of the machine falls on all of them.
    for round in 0..ROUNDS + 2 {
        for case in &mut cases {
            case.round(round >= 2).await;
        }
    }
    println!("reading the clock costs {} us, which is in every number", micros(clock_cost()));
    cases.iter_mut().for_each(Case::report);
    let [same, ten, hundred] = &mut cases;
    let ratio = hundred.whole.p50() / ten.whole.p50();
    println!("\n100 policies over distinct actions cost {ratio:.2} x 10\n");
    let whole = same.whole.p50().max(ten.whole.p50());
    let extract = same.stages[1].p50().max(ten.stages[1].p50());
    let kept = [
        promise("whole gate at 10 policies, p50", whole, 25.0, "us"),
        promise("validation and typed extraction, p50", extract, 2.0, "us"),
        promise("100 policies over distinct actions", ratio, 1.5, "x 10"),
    ];
    if kept.contains(&false) {
        std::process::exit(1);
    }
}

fn promise(what: &str, is: f64, most: f64, unit: &str) -> bool {
    let kept = is <= most;
    println!("{} {what}: {is:.2} {unit}, at most {most}", if kept { "held  " } else { "MISSED" });
    kept
}
