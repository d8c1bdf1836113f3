//! What people wait for with 10,000 requests pending in their tenant and 20,000 behind them: a page of the list, one
//! request, a decision, and what is to be announced.
//!
//! `cargo bench -p mcp-secure --features postgres --bench lists [-- sqlite|postgres]`. Strict durability; the PostgreSQL is
//! one of its own, with `fsync` on. Ends with 1 where a page of the list takes longer than it may.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench ends where something is amiss"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_secure::approval::{ApprovalId, NewApproval, Party, StateKind, Verdict, Vote, VoteRefused};
use mcp_secure::canon::Digest;
use mcp_secure::clock::Clock;
use mcp_secure::identity::Method;
use mcp_secure::store::{
    ApprovalFilter, Decided, NoticeEnd, Postgres, PostgresOptions, Requested, Sqlite, Store,
    StoreError,
};
use mcp_secure_test_postgres::Server;
use serde_json::json;

const PENDING: u64 = 10_000;
const ENDED: u64 = 20_000;
/// How long a page of 50 may take at the median, and five times that without optimisation.
const PAGE_LIMIT: Duration = Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 20 });

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|w| w != "--bench").collect();
    let wanted = words.first().map(String::as_str);
    let mut held = true;
    if wanted.is_none_or(|kind| kind == "sqlite") {
        let folder = tempfile::tempdir_in(".").unwrap();
        let store = Sqlite::open(&folder.path().join("store.db"), Clock::system()).unwrap();
        held &= measure("sqlite", Arc::new(store)).await;
    }
    if wanted.is_none_or(|kind| kind == "postgres") {
        let server = Server::durable();
        let database = server.database();
        let options = PostgresOptions::new(&server.connection(&database)).unwrap();
        held &= measure("postgres", Arc::new(Postgres::open(&options).await.unwrap())).await;
        println!("analysed:");
        server.sql(&database, "VACUUM ANALYZE");
        held &= pages(&Postgres::open(&options).await.unwrap()).await;
    }
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(name: &str, store: Arc<dyn Store>) -> bool {
    println!("{name}: {PENDING} pending, {ENDED} ended");
    let begun = Instant::now();
    fill(&store, ENDED, true).await;
    fill(&store, PENDING, false).await;
    println!("  filled in {:.0} s", begun.elapsed().as_secs_f64());
    let held = pages(&*store).await;
    let pending = ApprovalFilter { state: Some(StateKind::Pending), ..of_tenant() };
    let some = store.approvals(pending, 200).await.unwrap();
    let mut took = Vec::new();
    for approval in &some {
        let begun = Instant::now();
        store.approval(&approval.id).await.unwrap().unwrap();
        took.push(begun.elapsed());
    }
    say("one request", &mut took);
    let mut took = Vec::new();
    for approval in &some {
        let begun = Instant::now();
        decide(&*store, approval.id, approval.effect, Verdict::Approve).await.unwrap();
        took.push(begun.elapsed());
    }
    say("a decision", &mut took);
    let (mut claims, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        let begun = Instant::now();
        let due = store.due_notices(10, 60_000).await.unwrap();
        claims.push(begun.elapsed());
        for notice in due {
            let begun = Instant::now();
            store.settle_notice(notice.number, NoticeEnd::Over).await.unwrap();
            ends.push(begun.elapsed());
        }
    }
    say("ten notices", &mut claims);
    say("one is over", &mut ends);
    held
}

fn of_tenant() -> ApprovalFilter {
    ApprovalFilter { tenant: Some("acme".to_owned()), ..ApprovalFilter::default() }
}

async fn pages(store: &dyn Store) -> bool {
    let pending = || ApprovalFilter { state: Some(StateKind::Pending), ..of_tenant() };
    let text = |text: &str| Some(text.to_owned());
    let middle = store.approvals(pending(), 1000).await.unwrap().pop().unwrap();
    let after = Some((middle.created, middle.id));
    let asked = [
        ("pending", pending()),
        ("pending, further on", ApprovalFilter { after, ..pending() }),
        ("all", of_tenant()),
        ("all, further on", ApprovalFilter { after, ..of_tenant() }),
        ("denied", ApprovalFilter { state: Some(StateKind::Denied), ..of_tenant() }),
        ("expired", ApprovalFilter { state: Some(StateKind::Expired), ..of_tenant() }),
        ("pending, a text", ApprovalFilter { text: text("order o-12"), ..pending() }),
        ("pending, a text in ended ones", ApprovalFilter { text: text("ended"), ..pending() }),
        ("all, a text in one", ApprovalFilter { text: text("order o-19999 ended"), ..of_tenant() }),
        ("all, a text in none", ApprovalFilter { text: text("nowhere"), ..of_tenant() }),
        (
            "expired, a text",
            ApprovalFilter { text: text("order"), state: Some(StateKind::Expired), ..of_tenant() },
        ),
        ("pending, a tool", ApprovalFilter { tool: text("tool_7"), ..pending() }),
        ("pending, a tool without", ApprovalFilter { tool: text("no_tool"), ..pending() }),
        ("all, a tool without", ApprovalFilter { tool: text("no_tool"), ..of_tenant() }),
        (
            "approved tasks of all tenants",
            ApprovalFilter { tasks: true, state: Some(StateKind::Approved), ..Default::default() },
        ),
    ];
    let mut held = true;
    for (name, filter) in asked {
        let (mut took, mut found) = (Vec::new(), 0);
        for _ in 0..30 {
            let begun = Instant::now();
            found = store.approvals(filter.clone(), 50).await.unwrap().len();
            took.push(begun.elapsed());
        }
        held &= say(&format!("{name} ({found})"), &mut took) < PAGE_LIMIT;
    }
    held
}

/// Prints and answers the median.
fn say(name: &str, took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    let millis = |at: usize| took[at].as_secs_f64() * 1000.0;
    let (middle, last) = (took.len() / 2, took.len() - 1);
    println!("  {name:<40} p50 {:>7.2} ms  max {:>7.2} ms", millis(middle), millis(last));
    took[middle]
}

async fn fill(store: &Arc<dyn Store>, count: u64, ended: bool) {
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..64 {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            for number in (worker..count).step_by(64) {
                let new = request(number, ended);
                let (id, effect) = loop {
                    match store.request_approval(new.clone()).await {
                        Ok(Requested::Created(made) | Requested::Existing(made)) => {
                            break (made.id, made.effect);
                        }
                        // A disk that others keep busy: what was handed in is done all the same.
                        Err(StoreError::Unavailable(_)) => {}
                        other => panic!("not created: {other:?}"),
                    }
                };
                if ended {
                    while let Err(error) = decide(&*store, id, effect, Verdict::Deny).await {
                        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
                    }
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

fn party(name: &str) -> Party {
    Party {
        issuer: "https://id.example".to_owned(),
        subject: name.to_owned(),
        tenant: "acme".to_owned(),
        person: Some(format!("{name}@people.example")),
        actors: Vec::new(),
        client: "agent".to_owned(),
        method: Method::Bearer,
        roles: std::collections::BTreeSet::new(),
        scopes: std::collections::BTreeSet::new(),
    }
}

fn request(number: u64, ended: bool) -> NewApproval {
    let what = if ended { "ended" } else { "open" };
    let arguments = json!({"order_id": format!("o-{number}"), "amount_cents": number, "reason": "x".repeat(400)});
    NewApproval {
        client_key: None,
        effect: Digest::of_bytes(format!("{what} {number}").as_bytes()),
        requester: party(&format!("agent-{}", number % 500)),
        tool: format!("tool_{}", number % 20),
        contract: Digest::of_bytes(b"contract"),
        resource: json!([format!("Order o-{number} {what}")]),
        exact: arguments.clone(),
        arguments,
        preview: Some(json!({"refunded": number, "left": "y".repeat(200)})),
        risk: "high".to_owned(),
        asked_by: "the tool's declaration".to_owned(),
        by: "refund.request.approve".to_owned(),
        quorum: 1,
        allow_requester: false,
        expires_in_ms: 24 * 60 * 60 * 1000,
        max_pending: u32::MAX,
        task: number.is_multiple_of(10),
        announce: true,
    }
}

async fn decide(
    store: &dyn Store,
    id: ApprovalId,
    effect: Digest,
    verdict: Verdict,
) -> Result<(), StoreError> {
    let vote = Vote {
        voter: Party { client: "inbox".to_owned(), ..party("bob") },
        verdict,
        reason: Some("seen the order".to_owned()),
        policy: Some("leads-decide".to_owned()),
    };
    match store.decide(&id, effect, vote).await? {
        Decided::Counted(_) | Decided::Refused(VoteRefused::NotPending(StateKind::Denied)) => {
            Ok(())
        }
        Decided::Refused(why) => panic!("not counted: {why}"),
    }
}
