use std::time::{Duration, Instant};

use mcp_secure_test_postgres::Server as Postgres;

use crate::desk::Desk;
use crate::round::{Tally, round};

/// Kills of one round, after which the store is a fresh one.
const A_ROUND: u64 = 100;

pub(crate) fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("`{name}` is a number, not `{text}`")))
}

/// How many kills each store gets, and for how long.
fn wanted() -> (u64, Duration) {
    let kills = number("MCP_SECURE_KILLS").unwrap_or(100);
    let minutes = number("MCP_SECURE_KILL_MINUTES").unwrap_or(20);
    (kills.div_ceil(2), Duration::from_secs(minutes * 60) / 2)
}

fn kill_again_and_again(store: &str, postgres: Option<&Postgres>) {
    let (kills, time) = wanted();
    let seed = number("MCP_SECURE_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let begun = Instant::now();
    let mut tally = Tally::default();
    let mut rounds = 0;
    while tally.kills < kills && begun.elapsed() < time {
        let desk = Desk::on(postgres);
        let left = A_ROUND.min(kills - tally.kills);
        let one = round(&desk, left, begun + time, seed + rounds);
        tally.add(one);
        rounds += 1;
        let so_far = begun.elapsed().as_secs();
        println!("{store}: round {rounds} after {so_far} s: {one:?}");
    }
    println!(
        "{store}: {rounds} rounds in {:.0?}, seed {seed}: {tally:?}; lost 0, twice 0",
        begun.elapsed()
    );
    assert!(tally.kills >= kills, "too few kills in time, of {kills}: {tally:?}");
    assert!(tally.approved > 0 && tally.taken_back > 0, "{tally:?}");
    // A hundred servers may be dead before a slow machine has started many commands.
    assert!(tally.commands_killed > 0 || number("MCP_SECURE_KILLS").is_none(), "{tally:?}");
    assert!(
        tally.in_doubt > 0 && tally.happened > 0 && tally.happened < tally.in_doubt,
        "{tally:?}"
    );
}

/// One after the other: the machine is busy enough with one.
#[test]
fn servers_that_are_killed_lose_nothing_and_do_nothing_twice() {
    kill_again_and_again("SQLite", None);
    let postgres = Postgres::durable();
    kill_again_and_again("PostgreSQL", Some(&postgres));
}
