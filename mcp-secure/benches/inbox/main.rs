//! What people and agents wait for at the real application, with 10,000 requests pending: the pages of the inbox, a
//! decision, the result after it; and the memory that takes.
//!
//! `cargo build --release -p support-desk`, then
//! `cargo bench -p mcp-secure --features postgres --bench inbox [-- sqlite|postgres] [pages] [waits]`. It starts
//! `target/release/support-desk`, or what `SUPPORT_DESK_PROGRAM` names, and asks it over HTTP on loopback. The PostgreSQL is
//! one of its own, with `fsync` on. `INBOX_BENCH_DATA` names a data folder that is kept: filled where it is not there, and
//! taken as it is where it is, so that several builds can be asked about copies of one. Ends with 1 where a promise is not held.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench ends where something is amiss"
)]

mod desk;
mod pages;
#[path = "../common/report.rs"]
mod report;
#[path = "../common/sync.rs"]
mod sync;
mod took;
mod waits;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use desk::{Desk, Server};
use mcp_secure_test_postgres::Server as Database;
use pages::{Browser, Decider};
use report::{millis, promise};
use sync::one_sync;
use took::{Took, took};
use waits::Way;

const PENDING: u64 = 10_000;
const ENDED: u64 = 10_000;
/// How often each page is asked for.
const TIMES: usize = 300;
/// How many decisions of each kind.
const DECISIONS: usize = 150;
/// How many results an agent waits for in each way.
const ROUNDS: u64 = 200;

const PAGE: Duration = Duration::from_millis(100);
const DECISION: Duration = Duration::from_millis(20);
const RESULT: Duration = Duration::from_secs(1);
const MEMORY_MB: f64 = 200.0;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let has = |word: &str| words.iter().any(|known| known == word);
    let wanted =
        Wanted { pages: has("pages") || !has("waits"), waits: has("waits") || !has("pages") };
    let program = program();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    println!("load of the machine: {}", load.trim());
    let mut held = true;
    if has("sqlite") || !has("postgres") {
        held &= measured("SQLite", &program, None, &wanted);
    }
    if has("postgres") || !has("sqlite") {
        let database = Database::durable();
        let name = database.database();
        held &= measured("PostgreSQL", &program, Some(database.url(&name)), &wanted);
    }
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Wanted {
    pages: bool,
    waits: bool,
}

fn program() -> PathBuf {
    let named = std::env::var_os("SUPPORT_DESK_PROGRAM").map(PathBuf::from);
    // This is `<target>/release/deps/inbox-<hash>`.
    let built =
        || std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("support-desk");
    let program = named.unwrap_or_else(built);
    assert!(
        program.exists(),
        "`{}` is missing; run `cargo build --release -p support-desk`",
        program.display()
    );
    program
}

fn measured(name: &str, program: &Path, store: Option<String>, wanted: &Wanted) -> bool {
    // On a disk: the system's folder for temporary files may lie in memory, where a sync costs nothing.
    let beside = std::env::current_exe().unwrap();
    let folder = tempfile::tempdir_in(beside.parent().unwrap()).unwrap();
    let [sync, slow_sync] = one_sync(folder.path());
    let filled = std::env::var_os("INBOX_BENCH_DATA").map(PathBuf::from);
    let data = filled.filter(|_| store.is_none()).unwrap_or_else(|| folder.path().join("data"));
    let desk = Desk::new(program, data, store);
    let begun = Instant::now();
    if !desk.is_there() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(desk.fill(PENDING, ENDED));
    }
    println!(
        "{name}: {PENDING} pending, {ENDED} ended, filled in {:.0} s; one write and its sync: {:.2} ms, {:.2} ms (p99)",
        begun.elapsed().as_secs_f64(),
        millis(sync),
        millis(slow_sync)
    );
    println!("{:<44}{:>8}{:>12}{:>12}{:>12}", "", "times", "p50 ms", "p99 ms", "max ms");
    let server = desk.serve();
    let mut bounds = Vec::new();
    if wanted.pages {
        look(&desk, &server, slow_sync, &mut bounds);
    }
    if wanted.waits {
        for way in Way::ALL {
            let took = waits::measure(&desk, &server, way, ROUNDS);
            bounds
                .push((took.p99 < RESULT, format!("{way:?}: decision to result under 1 s (p99)")));
        }
    }
    let (peak, now) = (server.memory("VmHWM"), server.memory("VmRSS"));
    println!(
        "memory of the server: {now:.0} MB, {peak:.0} at most; processor time {:.1} s",
        server.cpu_ms() / 1e3
    );
    bounds.push((peak < MEMORY_MB, format!("memory under {MEMORY_MB:.0} MB: {peak:.0}")));
    bounds.into_iter().fold(true, |held, (kept, what)| promise(kept, &what) && held)
}

/// What people see and do.
fn look(desk: &Desk, server: &Server, sync: Duration, bounds: &mut Vec<(bool, String)>) {
    let mut bob = Browser::sign_in(desk, server, "bob");
    let mut page = |bob: &mut Browser, name: &str, path: &str| {
        let took = bob.page(name, path, TIMES);
        let what = format!("{name} under {} ms (p99): {:.1}", PAGE.as_millis(), millis(took.p99));
        bounds.push((took.p99 < PAGE, what));
    };
    let (first, next) = bob.list("/inbox");
    assert_eq!(first.len(), 50, "a full page");
    let next = next.expect("a next page");
    page(&mut bob, "list", "/inbox");
    page(&mut bob, "its second page", &next);
    page(&mut bob, "list with a text in many", "/inbox?q=cus_1017");
    page(&mut bob, "list with a text in none", "/inbox?q=nowhere");
    page(&mut bob, "list of one tool", "/inbox?tool=close_account");
    page(&mut bob, "the list alone, as it refreshes", "/inbox/pending");
    page(&mut bob, "history", "/inbox/history");
    page(&mut bob, "history with a text in none", "/inbox/history?q=nowhere");
    page(&mut bob, "one request in full", &first[0]);
    let mut path = "/inbox?tool=request_refund".to_owned();
    let mut open = Vec::new();
    while open.len() < 4 * DECISIONS {
        let (some, more) = bob.list(&path);
        open.extend(some);
        path = more.expect("enough requests");
    }
    let mut open = open.into_iter();
    let mut decision = |name: &str, took: Took| {
        let most = DECISION + sync;
        let what = format!(
            "{name} under 20 ms and one sync ({:.1} ms; both p99): {:.1}",
            millis(most),
            millis(took.p99)
        );
        bounds.push((took.p99 < most, what));
    };
    for verdict in ["approve", "deny"] {
        let name = format!("a decision by form: {verdict}");
        let all = open.by_ref().take(DECISIONS).map(|path| bob.decide(&path, verdict)).collect();
        decision(&name, took(&name, all));
    }
    let mut decider = Decider::new(desk, server, "bob");
    for verdict in ["approve", "deny"] {
        let name = format!("a decision by program: {verdict}");
        let all = open.by_ref().take(DECISIONS).map(|path| {
            let id = path.rsplit('/').next().unwrap();
            let digest = decider.digest(id);
            decider.decide(id, &digest, verdict)
        });
        let all = all.collect();
        decision(&name, took(&name, all));
    }
}
