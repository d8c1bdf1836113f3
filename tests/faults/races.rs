//! Two server processes on one store, which are asked for the same approved call at the same time, again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_secure::approval::{ApprovalId, Party, StateKind, Verdict, Vote};
use mcp_secure::identity::Method;
use mcp_secure::store::{ApprovalFilter, Decided, Store};
use mcp_secure_test_postgres::Server as Postgres;

use crate::client::{Answer, Client};
use crate::desk::Desk;
use crate::kills::number;

const TOOL: &str = "pay_approved_bill";
/// As a server has it unless it is told otherwise: nothing here is to be in doubt.
const LEASE: Duration = Duration::from_secs(30);
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
        let shown = store.approval(id).await.unwrap().unwrap();
        match store.decide(id, shown.effect, vote("bob", Verdict::Approve)).await.unwrap() {
            Decided::Counted(now) => assert_eq!(now.state.kind(), StateKind::Approved),
            Decided::Refused(why) => panic!("{id}: {why}"),
        }
    });
    futures_util::future::join_all(decisions).await;
}

/// How the calls of all races were answered: by the code of a refusal, or `done` and `repeated`.
type Heard = BTreeMap<String, u32>;

/// Has people approve these bills, then both servers pay all of them at once.
fn race(
    runtime: &tokio::runtime::Runtime,
    store: &Arc<dyn Store>,
    servers: &mut [Client; 2],
    bills: &[u32],
    heard: &mut Heard,
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
    let mut done: BTreeMap<u32, u32> = bills.iter().map(|bill| (*bill, 0)).collect();
    for server in servers.iter_mut() {
        for _ in bills {
            let (bill, answer) = next(server);
            *done.get_mut(&bill).unwrap() += note(&answer, heard);
        }
    }
    for (bill, times) in &mut done {
        // On a machine that is too busy both may have been refused.
        let begun = Instant::now();
        while *times == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "bill {bill}: {heard:?}");
            std::thread::sleep(Duration::from_millis(100));
            *times += note(&servers[*bill as usize % 2].ask_of(TOOL, *bill), heard);
        }
    }
    assert!(done.values().all(|times| *times == 1), "{done:?}");
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
        race(&runtime, &store, &mut servers, bills, &mut heard);
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
    let known = ["done", "repeated", "in_progress", "switched_off", "audit_unavailable"];
    assert!(heard.keys().all(|word| known.contains(&word.as_str())), "{heard:?}");
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
