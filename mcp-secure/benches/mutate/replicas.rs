//! One process on a PostgreSQL, and three.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mcp_secure_test_postgres::Server as Postgres;

use super::report::promise;
use super::{Ledger, cpu, measured, open};

/// Rounds of one process and three, by turns: a machine that others use too is quicker in some than in others.
const ROUNDS: usize = 3;

/// What the processes of one round did together.
#[derive(Default)]
struct Round {
    per_second: f64,
    /// Seconds, of the slowest process.
    p99: f64,
    calls: f64,
    /// Seconds of the processors.
    cpu: f64,
}

/// In one process and then in three, with the store in a PostgreSQL of this machine that syncs.
pub(crate) fn compare(folder: &Path, length: Duration) -> bool {
    let server = Postgres::durable();
    let url = server.url(&server.database());
    println!(
        "{:>24}{:>12}{:>12}{:>12}{:>16}{:>16}{:>20}",
        "on PostgreSQL",
        "calls/s",
        "",
        "p99 ms",
        "us a call here",
        "us in PostgreSQL",
        "calls a transaction"
    );
    let mut slowest = f64::MAX;
    let mut ratios = Vec::new();
    for nth in 0..ROUNDS {
        let [one, three] =
            [1, 3].map(|processes| round(&server, &url, folder, length, nth, processes));
        slowest = slowest.min(one);
        ratios.push(three / one);
    }
    ratios.sort_by(f64::total_cmp);
    println!("three processes, times one: {ratios:.2?}");
    let one = promise(slowest >= 1500.0, "PostgreSQL: 1,500 a second");
    let three = promise(
        ratios.iter().all(|ratio| *ratio >= 1.0),
        "PostgreSQL: three processes never below one",
    );
    one && three
}

/// Answers how many calls a second `processes` do together.
fn round(
    server: &Postgres,
    url: &str,
    folder: &Path,
    length: Duration,
    nth: usize,
    processes: usize,
) -> f64 {
    let (cpu_before, commits_before) = (server.processor_time(), commits(server));
    let children: Vec<_> = (0..processes)
        .map(|child| {
            let number = (nth * 4 + processes) * 10 + child;
            Command::new(std::env::current_exe().unwrap())
                .args(["child", url])
                .arg(folder.join(number.to_string()))
                .args([(number * 1_000_000_000).to_string(), length.as_secs_f64().to_string()])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut all = Round::default();
    for child in children {
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success());
        let said = String::from_utf8(out.stdout).unwrap();
        let numbers: Vec<f64> = said.split_whitespace().map(|n| n.parse().unwrap()).collect();
        all.per_second += numbers[0];
        all.p99 = all.p99.max(numbers[1]);
        all.calls += numbers[2];
        all.cpu += numbers[3];
    }
    let theirs = server.processor_time().saturating_sub(cpu_before).as_secs_f64();
    let shared = all.calls / (commits(server) - commits_before);
    println!(
        "{:>24}{:>12.0}{:>12}{:>12.2}{:>16.0}{:>16.0}{:>20.2}",
        format!("{processes} processes"),
        all.per_second,
        "",
        all.p99 * 1e3,
        all.cpu / all.calls * 1e6,
        theirs / all.calls * 1e6,
        shared
    );
    all.per_second
}

/// Transactions of everybody so far.
fn commits(server: &Postgres) -> f64 {
    server.sql("postgres", "SELECT sum(xact_commit) FROM pg_stat_database").parse().unwrap()
}

/// One of several processes on one database: 64 calls at once. Says how many a second, the 99th percentile in seconds, how
/// many in all, and the seconds of the processors they took.
pub(crate) async fn child(url: &str, folder: &Path, first: u64, length: Duration) {
    std::fs::create_dir(folder).unwrap();
    let ledger = Arc::new(Ledger::default());
    let local = open(folder, Some(url), &ledger).await;
    let ran = measured(&local, &ledger, first, 64, length).await;
    let calls = ledger.0.load(std::sync::atomic::Ordering::Relaxed);
    println!(
        "{} {} {calls} {}",
        ran.per_second,
        ran.p99.as_secs_f64(),
        cpu::of_this_process().as_secs_f64()
    );
}
