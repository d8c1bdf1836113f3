//! Two server processes on one store, which are asked for the same approved call at the same time, again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_secure::approval::{ApprovalId, Party, StateKind, Verdict, Vote};
use mcp_secure::identity::Method;
use mcp_secure::store::{ApprovalFilter, Decided, RunFilter, RunState, Store};
use mcp_secure_test_postgres::Server as Postgres;

use crate::client::{Answer, Client};
use crate::desk::Desk;
use crate::kills::number;

const TOOL: &str = "pay_approved_bill";
/// As a server has it unless it is told otherwise: nothing here is to be in doubt.
const LEASE: Duration = Duration::from_secs(30);
/// One that a database which hangs outlasts.
const SHORT_LEASE: Duration = Duration::from_secs(1);
/// Approvals that are raced for at once, no more than a requester may have waiting.
const AT_ONCE: u32 = 8;

/// A vote as the store gets it from a channel.
pub(crate) fn vote(name: &str, verdict: Verdict) -> Vote {
    let voter = Party {
        issuer: "tests".to_owned(),
        subject: name.to_owned(),
        tenant: "acme".to_owned(),
        person: Some(name.to_owned()),
        actors: Vec::new(),
        client: "tests".to_owned(),
        method: Method::Asserted,
        roles: ["lead".to_owned()].into(),
        scopes: [].into(),
    };
    Vote { voter, verdict, reason: None, policy: None }
}

/// Lets this person approve requests, all at once.
async fn approve(store: &Arc<dyn Store>, ids: &[ApprovalId]) {
    let decisions = ids.iter().map(async |id| {
        let begun = Instant::now();
        loop {
            let shown = store.approval(id).await.unwrap().unwrap();
            match store.decide(id, shown.effect, vote("bob", Verdict::Approve)).await {
                Ok(Decided::Counted(now)) => {
                    return assert_eq!(now.state.kind(), StateKind::Approved);
                }
                Ok(Decided::Refused(why)) => panic!("{id}: {why}"),
                // On a machine that is too busy.
                Err(why) => assert!(begun.elapsed() < Duration::from_secs(60), "{id}: {why}"),
            }
        }
    });
    futures_util::future::join_all(decisions).await;
}

/// How the calls of all races were answered: by the code of a refusal, or `done` and `repeated`.
type Heard = BTreeMap<String, u32>;

/// Has people approve these bills, then both servers pay all of them at once, and does `meanwhile` once they are asked.
fn race(
    runtime: &tokio::runtime::Runtime,
    store: &Arc<dyn Store>,
    servers: &mut [Client; 2],
    bills: &[u32],
    heard: &mut Heard,
    meanwhile: impl FnOnce(),
) {
    for bill in bills {
        servers[*bill as usize % 2].call(TOOL, *bill).expect("a server");
    }
    let mut ids = Vec::new();
    for (number, server) in servers.iter_mut().enumerate() {
        for _ in bills.iter().filter(|bill| **bill as usize % 2 == number) {
            match next(server).1 {
                Answer::Refused { code, approval: Some(id), .. } if code == "approval_required" => {
                    ids.push(id.parse().unwrap());
                }
                other => panic!("not asked for: {other:?}"),
            }
        }
    }
    runtime.block_on(approve(store, &ids));
    for bill in bills {
        // Each is the first to hear of it as often as the other.
        let first = (*bill as usize / 2) % 2;
        for number in [first, 1 - first] {
            servers[number].call(TOOL, *bill).expect("a server");
        }
    }
    meanwhile();
    let mut said: BTreeMap<u32, Vec<Answer>> = BTreeMap::new();
    for server in servers.iter_mut() {
        for _ in bills {
            let (bill, answer) = next(server);
            said.entry(bill).or_default().push(answer);
        }
    }
    for (bill, said) in said {
        let mut done: u32 = said.iter().map(|answer| note(answer, heard)).sum();
        if done == 0 {
            done = ask_again(runtime, store, &mut servers[bill as usize % 2], bill, &said, heard);
        }
        assert_eq!(done, 1, "bill {bill}: {said:?}");
    }
}

/// Both were refused, as on a machine that is too busy. Neither hears that it is done or in doubt, and whoever asks again gets
/// it done, if need be after people have approved it anew.
fn ask_again(
    runtime: &tokio::runtime::Runtime,
    store: &Arc<dyn Store>,
    server: &mut Client,
    bill: u32,
    said: &[Answer],
    heard: &mut Heard,
) -> u32 {
    println!("  bill {bill} is carried out by neither: {said:?}");
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < Duration::from_secs(60), "bill {bill}: {heard:?}");
        std::thread::sleep(Duration::from_millis(100));
        let answer = server.ask_of(TOOL, bill);
        let done = note(&answer, heard);
        match answer {
            Answer::Done { .. } => return done,
            Answer::Refused { code, approval: Some(id), .. } if code == "approval_required" => {
                runtime.block_on(approve(store, &[id.parse().unwrap()]));
            }
            Answer::Refused { code, .. } => assert_ne!(code, "in_doubt", "bill {bill}"),
        }
    }
}

/// Takes down how a call was answered. One where it was carried out.
fn note(answer: &Answer, heard: &mut Heard) -> u32 {
    let (word, times) = match answer {
        Answer::Done { replayed: true } => ("repeated", 0),
        Answer::Done { replayed: false } => ("done", 1),
        Answer::Refused { code, .. } => (code.as_str(), 0),
    };
    *heard.entry(word.to_owned()).or_default() += 1;
    times
}

fn next(server: &mut Client) -> (u32, Answer) {
    let answer = server.answer(Duration::from_secs(60)).expect("a server that answers");
    answer.expect("an answer within a minute")
}

fn races_on(name: &str, postgres: Option<&Postgres>) {
    let races = u32::try_from(number("MCP_SECURE_RACES").unwrap_or(200)).unwrap();
    let desk = Desk::on(postgres);
    // The folder and the tables are there before two servers open them.
    drop(desk.serve().ask(1));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(desk.store());
    let mut servers = [desk.serve_with(LEASE), desk.serve_with(LEASE)];
    let begun = Instant::now();
    let mut heard = Heard::new();
    let bills: Vec<u32> = (1..=races).collect();
    for bills in bills.chunks(AT_ONCE as usize) {
        race(&runtime, &store, &mut servers, bills, &mut heard, || ());
    }
    let took = begun.elapsed();
    drop(servers);
    let effects = desk.effects("paid when approved");
    assert_eq!(effects.len(), races as usize);
    let twice: Vec<_> = effects.iter().filter(|(_, requests)| requests.len() != 1).collect();
    assert!(twice.is_empty(), "paid more than once: {twice:?}");
    // The bill that made the folder, and one run for each race.
    assert_eq!(desk.states(), BTreeMap::from([("done".to_owned(), u64::from(races) + 1)]));
    let left = runtime.block_on(store.approvals(ApprovalFilter::default(), 1000)).unwrap();
    assert!(left.iter().all(|one| one.state.kind() == StateKind::Done), "not done");
    // Who lost behind its own intent was as far as the store's transaction.
    let neck_and_neck = desk.intents().len() as u64 - u64::from(races) - 1;
    println!(
        "{name}: {races} races in {took:.1?}, one run each; {neck_and_neck} lost in the transaction itself; {heard:?}"
    );
    assert!(neck_and_neck > 0, "nobody ever raced: {heard:?}");
    only_known(&heard);
    desk.run(&["audit", "verify"]);
}

fn only_known(heard: &Heard) {
    let known = [
        "done",
        "repeated",
        "in_progress",
        "switched_off",
        "audit_unavailable",
        "approval_required",
    ];
    assert!(heard.keys().all(|word| known.contains(&word.as_str())), "{heard:?}");
}

/// The database hangs for longer than a lease, so that runs count as lost before whoever began them hears of it.
#[test]
fn a_call_that_a_database_keeps_waiting_for_longer_than_its_lease_is_carried_out_once() {
    let hangs = u32::try_from(number("MCP_SECURE_HANGS").unwrap_or(5)).unwrap();
    let server = Postgres::durable();
    let desk = Desk::on(Some(&server));
    drop(desk.serve().ask(1));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(desk.store());
    let mut servers = [desk.serve_with(SHORT_LEASE), desk.serve_with(SHORT_LEASE)];
    let mut heard = Heard::new();
    let bills: Vec<u32> = (1..=hangs * AT_ONCE).collect();
    for (hang, bills) in (0..).zip(bills.chunks(AT_ONCE as usize)) {
        race(&runtime, &store, &mut servers, bills, &mut heard, || {
            std::thread::sleep(Duration::from_millis(hang * 7 % 40));
            server.hang(SHORT_LEASE * 3 / 2);
        });
    }
    println!("{hangs} times a database that hangs: {heard:?}");
    only_known(&heard);
    let paid = desk.effects("paid when approved");
    assert_eq!(paid.len(), bills.len());
    assert!(paid.values().all(|requests| requests.len() == 1), "{paid:?}");
    // A doubt is left where a body has begun, and nowhere else.
    let filter = RunFilter { state: Some(RunState::InDoubt), ..RunFilter::default() };
    for run in runtime.block_on(store.runs(filter, 1000)).unwrap() {
        let run = run.readable().expect("each run can be read");
        let begun = paid.values().any(|requests| requests.contains(&run.request_id));
        assert!(begun, "in doubt, though it never began: {run:?}");
    }
    drop(servers);
    desk.run(&["audit", "verify"]);
}

#[test]
fn an_approval_is_run_once_when_two_processes_race_for_it_on_sqlite() {
    races_on("SQLite", None);
}

#[test]
fn an_approval_is_run_once_when_two_processes_race_for_it_on_postgresql() {
    races_on("PostgreSQL", Some(&Postgres::durable()));
}
