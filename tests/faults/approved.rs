//! Kills between the request for approval and the outcome of the run: while it is asked for, voted on, decided, used up
//! and carried out. Every call here takes two people, and has no key: its approval alone keeps it from running twice.
//!
//! `MCP_SECURE_APPROVED_KILLS=1000` makes it that many over both stores, for at most `MCP_SECURE_KILL_MINUTES`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mcp_secure::approval::StateKind;
use mcp_secure::store::ApprovalFilter;
use mcp_secure_test_postgres::Server as Postgres;

use crate::book::{Book, Diary, Heard};
use crate::client::Client;
use crate::desk::Desk;
use crate::door::Door;
use crate::kills::number;
use crate::reckoning::{Reckoned, reckon};
use crate::round::Dice;
use crate::voters::Hall;

/// Kills of one round, after which the store is a fresh one.
const A_ROUND: u64 = 50;
/// Bills that one client has going, so that two clients have fewer than a requester may have waiting.
const OPEN: usize = 6;
/// Servers that run at once on one store.
const SERVERS: u64 = 2;

/// A server's life: it takes calls and dies, unless it is to see to it that nothing is left.
fn life(hall: &Hall<'_>, dice: &mut Dice, mut client: Client, dies: bool) -> bool {
    let book = hall.book;
    let (mut mine, mut diary) = (BTreeSet::new(), Diary::default());
    let mut flying: BTreeMap<u64, u32> = BTreeMap::new();
    let (mut id, mut end) = (0, None);
    loop {
        while mine.len() < OPEN {
            let Some(bill) = (if dies { Some(book.next()) } else { book.left() }) else { break };
            mine.insert(bill);
            diary.note(bill, Duration::ZERO);
        }
        if mine.is_empty() {
            return false;
        }
        assert!(!hall.fallen.load(Ordering::Relaxed), "a voter has fallen; see above");
        while let Some(bill) = diary.due() {
            id += 1;
            flying.insert(id, bill);
            // One that is dead is noticed below.
            drop(client.send(&book.message(id, bill)));
        }
        let left = end.map(|end: Instant| end.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            break;
        }
        let patience = left.unwrap_or(Duration::from_secs(60)).min(diary.idle());
        let message = client.message(patience).expect("the server ended by itself");
        let Some(message) = message else { continue };
        let Some(bill) = message["id"].as_u64().and_then(|id| flying.remove(&id)) else { continue };
        match book.heard(bill, &message) {
            Heard::Over => drop(mine.remove(&bill)),
            Heard::Again(after) => diary.note(bill, after),
        }
        if dies {
            let soon = Duration::from_millis(dice.between(5, 150));
            end.get_or_insert_with(|| Instant::now() + soon);
        }
    }
    let last = client.kill_and_read();
    for message in last {
        let Some(bill) = message["id"].as_u64().and_then(|id| flying.remove(&id)) else { continue };
        if book.heard(bill, &message) == Heard::Over {
            mine.remove(&bill);
        }
    }
    look(hall, &mine);
    book.leave(mine);
    true
}

/// How far the calls were on their way that a kill met.
fn look(hall: &Hall<'_>, mine: &BTreeSet<u32>) {
    let of = |state| {
        let filter = ApprovalFilter { state: Some(state), ..ApprovalFilter::default() };
        hall.runtime.block_on(hall.store.approvals(filter, 100)).unwrap()
    };
    let mut at: BTreeMap<u32, (StateKind, usize)> = BTreeMap::new();
    let known: Vec<_> = {
        let known = hall.book.lock();
        let mine = known.asked.iter().filter(|(_, bill)| mine.contains(bill));
        mine.map(|(id, bill)| (id.clone(), *bill)).collect()
    };
    for (id, bill) in known {
        let found = hall.approval(&id);
        at.insert(bill, (found.state.kind(), found.votes.len()));
    }
    for state in [StateKind::Pending, StateKind::Approved, StateKind::Running] {
        for found in of(state) {
            let bill = found.arguments["bill"].as_u64().unwrap();
            at.insert(u32::try_from(bill).unwrap(), (state, found.votes.len()));
        }
    }
    let paid = hall.desk.effects("paid when two approved");
    for bill in mine {
        let met = match at.get(bill) {
            None => "asked for, and not yet written down",
            Some((StateKind::Pending, 0)) => "waiting",
            Some((StateKind::Pending, _)) => "with one vote",
            Some((StateKind::Approved, _)) => "approved",
            Some((StateKind::Running, _)) if paid.contains_key(bill) => "running, paid",
            Some((StateKind::Running, _)) => "running, not paid",
            Some(_) => "over, and not yet told",
        };
        *hall.book.lock().met.entry(met).or_default() += 1;
    }
}

/// What happened, in figures.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    bills: u64,
    commands_killed: u64,
    /// Servers that were killed while somebody decided at them.
    doors_killed: u64,
    /// Acknowledged votes by the way they went.
    ways: BTreeMap<&'static str, u64>,
    met: BTreeMap<&'static str, u64>,
    reckoned: Reckoned,
}

/// Kills servers until `kills` are dead or `until` has come, then holds everything to its promises.
fn round(desk: &Desk<'_>, kills: u64, until: Instant, seed: u64) -> Tally {
    let begun = Instant::now();
    // The folder and the tables are there before two servers open them.
    drop(desk.serve().ask(1));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (book, store) = (Book::default(), runtime.block_on(desk.store()));
    let (door, fallen) = (Door::new(), AtomicBool::new(false));
    let hall = Hall { desk, book: &book, runtime: &runtime, store, door, fallen };
    let (killed, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let hall = &hall;
        for me in 0..2 {
            let (dice, stop) = (Dice::new(!(seed * 2 + me as u64)), &stop);
            scope.spawn(move || hall.votes(me, dice, stop));
        }
        let servers: Vec<_> = (0..SERVERS)
            .map(|server| {
                let killed = &killed;
                scope.spawn(move || {
                    let mut dice = Dice::new(seed * SERVERS + server + 1);
                    while killed.fetch_add(1, Ordering::Relaxed) < kills && Instant::now() < until {
                        life(hall, &mut dice, desk.serve(), true);
                    }
                    killed.fetch_sub(1, Ordering::Relaxed);
                })
            })
            .collect();
        let ended: Vec<_> = servers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        // Nobody dies any more, until every bill is answered for good.
        let rest = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            life(hall, &mut Dice::new(seed), desk.serve(), false);
        }));
        stop.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok) && rest.is_ok(), "see above");
    });
    let looked = Instant::now();
    let reckoned = reckon(&hall);
    println!(
        "  killing {:.1?}, looking {:.1?}, refusals {:?}",
        looked - begun,
        looked.elapsed(),
        book.lock().refusals
    );
    let known = book.lock();
    Tally {
        kills: killed.load(Ordering::Relaxed),
        bills: u64::from(known.bills()),
        commands_killed: known.commands_killed,
        doors_killed: known.doors_killed,
        ways: known.ways.clone(),
        met: known.met.clone(),
        reckoned,
    }
}

fn kill_again_and_again(store: &str, postgres: Option<&Postgres>) {
    let wanted = number("MCP_SECURE_APPROVED_KILLS").unwrap_or(40).div_ceil(2);
    let time = Duration::from_secs(number("MCP_SECURE_KILL_MINUTES").unwrap_or(20) * 60) / 2;
    let seed = number("MCP_SECURE_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let begun = Instant::now();
    let mut all = Tally::default();
    let mut rounds = 0;
    while all.kills < wanted && begun.elapsed() < time {
        let desk = Desk::on(postgres);
        let one = round(&desk, A_ROUND.min(wanted - all.kills), begun + time, seed + rounds);
        println!("{store}: round {rounds} after {:.0?}: {one:?}", begun.elapsed());
        all.kills += one.kills;
        all.bills += one.bills;
        all.commands_killed += one.commands_killed;
        all.doors_killed += one.doors_killed;
        all.reckoned.add(&one.reckoned);
        for (met, times) in one.met {
            *all.met.entry(met).or_default() += times;
        }
        for (way, votes) in one.ways {
            *all.ways.entry(way).or_default() += votes;
        }
        rounds += 1;
    }
    println!("{store}: {rounds} rounds in {:.0?}, seed {seed}: {all:#?}", begun.elapsed());
    assert!(all.kills >= wanted, "too few kills in time, of {wanted}: {all:?}");
    let Reckoned { done, in_doubt, .. } = all.reckoned;
    assert!(done > 0 && in_doubt > 0 && all.met.len() >= 4, "{all:?}");
    // Each moment was met and each way was gone where there were many kills.
    assert!(wanted < 200 || all.met.len() == 7, "{all:?}");
    assert!(wanted < 200 || (all.ways.len() == 4 && all.doors_killed > 0), "{all:?}");
}

#[test]
fn no_approval_is_lost_or_run_twice_by_kills_between_request_and_outcome() {
    kill_again_and_again("SQLite", None);
    kill_again_and_again("PostgreSQL", Some(&Postgres::durable()));
}
