//! One round: servers on one fresh store, killed again and again, and then what everybody knows is compared.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::bills::Bills;
use crate::client::{Answer, Client, is_large};
use crate::desk::Desk;
use crate::people;

/// Calls that one client keeps in flight.
const IN_FLIGHT: usize = 4;
/// Servers that run at once on one store.
const SERVERS: u64 = 2;

/// What happened, in figures.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) kills: u64,
    pub(crate) killed_at_start: u64,
    pub(crate) asked: u64,
    pub(crate) acknowledged: u64,
    pub(crate) in_doubt: u64,
    pub(crate) happened: u64,
    pub(crate) resolved: u64,
    pub(crate) approved: u64,
    pub(crate) taken_back: u64,
    pub(crate) commands_killed: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.kills += other.kills;
        self.killed_at_start += other.killed_at_start;
        self.asked += other.asked;
        self.acknowledged += other.acknowledged;
        self.in_doubt += other.in_doubt;
        self.happened += other.happened;
        self.resolved += other.resolved;
        self.approved += other.approved;
        self.taken_back += other.taken_back;
        self.commands_killed += other.commands_killed;
    }
}

/// Random enough for times, and the same again for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        low + self.0 % (high - low + 1)
    }
}

/// Kills servers under load until `kills` are dead or `until` has come, then holds everything to its promises.
pub(crate) fn round(desk: &Desk<'_>, kills: u64, until: Instant, seed: u64) -> Tally {
    let bills = Bills::default();
    let killed = AtomicU64::new(0);
    let early = AtomicU64::new(0);
    // The folder and the tables are there before two servers open them.
    let begun = Instant::now();
    let first = bills.next();
    bills.heard(first, &desk.serve().ask(first));
    let stop = AtomicBool::new(false);
    let commands_killed = std::thread::scope(|scope| {
        let servers: Vec<_> = (0..SERVERS)
            .map(|server| {
                let (bills, killed, early) = (&bills, &killed, &early);
                scope.spawn(move || {
                    let mut dice = Dice::new(seed * SERVERS + server + 1);
                    while killed.fetch_add(1, Ordering::Relaxed) < kills && Instant::now() < until {
                        if life(desk, bills, &mut dice) {
                            early.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    killed.fetch_sub(1, Ordering::Relaxed);
                })
            })
            .collect();
        let people = scope.spawn(|| people::work(desk, &bills, Dice::new(!seed), &stop));
        let ended: Vec<_> = servers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        stop.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok), "see above");
        people.join().unwrap()
    });
    let since = Instant::now();
    let mut tally = settle(desk, &bills);
    let (killing, looking) = (since - begun, since.elapsed());
    println!("  killing {killing:.1?}, looking {looking:.1?}, refusals {:?}", bills.refusals());
    tally.kills = killed.load(Ordering::Relaxed);
    tally.killed_at_start = early.load(Ordering::Relaxed);
    tally.commands_killed = commands_killed;
    tally
}

/// A server's life: it takes calls, and dies in the middle. True where it died before it had answered any.
fn life(desk: &Desk<'_>, bills: &Bills, dice: &mut Dice) -> bool {
    let mut client = desk.serve();
    let mut flying = BTreeSet::new();
    // One in ten dies while it starts, recovery included.
    let born = Instant::now();
    let mut dies =
        (dice.between(0, 9) == 0).then(|| born + Duration::from_millis(dice.between(0, 250)));
    let mut answered = false;
    loop {
        while flying.len() < IN_FLIGHT {
            let bill = bills.next();
            flying.insert(bill);
            if client.pay(bill).is_err() {
                break;
            }
        }
        let left = dies.map(|at| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            break;
        }
        match client.answer(left.unwrap_or(Duration::from_secs(60))) {
            Ok(Some((bill, answer))) => {
                flying.remove(&bill);
                bills.heard(bill, &answer);
                answered = true;
                dies.get_or_insert_with(|| {
                    Instant::now() + Duration::from_millis(dice.between(5, 80))
                });
            }
            Ok(None) if dies.is_some() => break,
            other => panic!("the server ended by itself, or hangs: {other:?}"),
        }
    }
    for (bill, answer) in client.kill() {
        flying.remove(&bill);
        bills.heard(bill, &answer);
    }
    for bill in flying {
        bills.ask_again(bill, Duration::ZERO);
    }
    !answered
}

/// Asks until every bill is answered for good, and holds what was answered against what really happened.
pub(crate) fn settle(desk: &Desk<'_>, bills: &Bills) -> Tally {
    let mut client = desk.serve();
    let begun = Instant::now();
    while bills.left() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "never answered: {bills:?}");
        people::approve(desk, bills);
        match bills.unanswered() {
            Some(bill) => bills.heard(bill, &client.ask(bill)),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    // A command that was killed holds its run for a while yet.
    while desk.states().contains_key("running") {
        assert!(begun.elapsed() < Duration::from_secs(90), "runs for ever: {:?}", desk.states());
        std::thread::sleep(Duration::from_millis(100));
    }
    let (done, in_doubt) = (bills.done(), bills.in_doubt());
    let effects = desk.effects("paid");
    let twice: Vec<_> = effects.iter().filter(|(_, requests)| requests.len() > 1).collect();
    assert!(twice.is_empty(), "paid twice: {twice:?}");
    let lost: Vec<_> = done.iter().filter(|bill| !effects.contains_key(bill)).collect();
    assert!(lost.is_empty(), "acknowledged and never paid: {lost:?}");
    let unasked: Vec<_> =
        effects.keys().filter(|b| !done.contains(b) && !in_doubt.contains(b)).collect();
    assert!(unasked.is_empty(), "paid, and nobody was told anything: {unasked:?}");
    let intents = desk.intents();
    let taken_back = desk.effects("taken back");
    let requests = effects.values().chain(taken_back.values()).flatten();
    let unrecorded: Vec<_> = requests.filter(|request| !intents.contains(*request)).collect();
    assert!(unrecorded.is_empty(), "happened unrecorded: {unrecorded:?}");

    let states = desk.states();
    // One that counts as lost before its body began is given up, and asked for again.
    let ends = ["done", "in_doubt", "no_effect"];
    let ended: u64 = ends.iter().filter_map(|state| states.get(*state)).sum();
    assert_eq!(states.values().sum::<u64>(), ended, "a run that has not ended: {states:?}");
    let (happened, resolved) = resolve(desk);
    assert_eq!(resolved, states.get("in_doubt").copied().unwrap_or(0));
    assert_eq!(desk.states().get("in_doubt"), None);

    let taken_back = people::take_the_rest_back(desk, bills);
    after(desk, &mut client, bills);
    drop(client);
    desk.run(&["audit", "verify"]);
    let count = |bills: &BTreeSet<u32>| bills.len() as u64;
    Tally {
        asked: u64::from(bills.asked()),
        acknowledged: count(&done),
        in_doubt: states.get("in_doubt").copied().unwrap_or(0),
        happened,
        resolved,
        approved: done.iter().filter(|bill| is_large(**bill)).count() as u64,
        taken_back,
        ..Tally::default()
    }
}

/// Bob looks into the ledger and says of every run in doubt what became of it. How many had happened, and how many there
/// were.
fn resolve(desk: &Desk<'_>) -> (u64, u64) {
    let listed =
        desk.json(&["runs", "list", "--as", "bob", "--state", "in_doubt", "--limit", "10000"]);
    let runs: Vec<(String, String)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|run| {
            let text = |name: &str| run[name].as_str().unwrap().to_owned();
            (text("id"), text("request_id"))
        })
        .collect();
    let effects = [desk.effects("paid"), desk.effects("taken back")];
    let paid: BTreeSet<String> =
        effects.into_iter().flat_map(std::collections::BTreeMap::into_values).flatten().collect();
    let happened = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for share in runs.chunks(runs.len().div_ceil(2).max(1)) {
            let (paid, happened) = (&paid, &happened);
            scope.spawn(move || {
                for (run, request_id) in share {
                    let found = if paid.contains(request_id) {
                        happened.fetch_add(1, Ordering::Relaxed);
                        "--done"
                    } else {
                        "--not-done"
                    };
                    let reason = "the ledger says so";
                    desk.run(&["runs", "resolve", run, found, "--as", "bob", "--reason", reason]);
                }
            });
        }
    });
    (happened.load(Ordering::Relaxed), runs.len() as u64)
}

/// After all doubts are resolved: what is done stays done, what never happened can be asked for again, and in the end every
/// bill is paid exactly once.
fn after(desk: &Desk<'_>, client: &mut Client, bills: &Bills) {
    let (done, in_doubt) = (bills.done(), bills.in_doubt());
    let paid = desk.effects("paid");
    for bill in &done {
        // An answer that came though its end could not be written down was in doubt, and is resolved now.
        let answer = client.ask(*bill);
        let known = matches!(&answer, Answer::Done { replayed: true })
            || matches!(&answer, Answer::Refused { executed, .. } if *executed == true);
        assert!(known, "bill {bill}: {answer:?}");
    }
    for bill in &in_doubt {
        let mut answer = client.ask(*bill);
        if matches!(&answer, Answer::Refused { code, .. } if code == "approval_required") {
            // The approval was used up by the run that never happened.
            bills.heard(*bill, &answer);
            people::approve(desk, bills);
            answer = client.ask(*bill);
        }
        match answer {
            Answer::Done { replayed: false } => assert!(!paid.contains_key(bill), "bill {bill}"),
            Answer::Done { replayed: true } => {}
            Answer::Refused { executed, .. } if executed == true => {
                assert!(paid.contains_key(bill), "bill {bill}");
            }
            other @ Answer::Refused { .. } => panic!("bill {bill}: {other:?}"),
        }
    }
    let effects = desk.effects("paid");
    for bill in done.union(&in_doubt) {
        assert_eq!(effects.get(bill).map(Vec::len), Some(1), "bill {bill}");
    }
}
