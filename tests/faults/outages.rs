//! What becomes of calls while PostgreSQL is away. They are refused in a structured way, and nothing has to be restarted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use mcp_secure_test_postgres::Server as Postgres;

use crate::bills::Bills;
use crate::client::{Answer, Client};
use crate::desk::{Desk, Store};
use crate::round::settle;

/// Keeps calls in flight for `length`, and counts how they were answered.
pub(crate) fn load(client: &mut Client, bills: &Bills, length: Duration) -> BTreeMap<String, u64> {
    let until = Instant::now() + length;
    let mut heard: BTreeMap<String, u64> = BTreeMap::new();
    let mut flying = BTreeSet::new();
    loop {
        let over = Instant::now() >= until;
        if over && flying.is_empty() {
            return heard;
        }
        while !over && flying.len() < 4 {
            let bill = bills.next();
            client.pay(bill).expect("the server is there");
            flying.insert(bill);
        }
        // An outage makes a call slow, never silent.
        let answer = client.answer(Duration::from_secs(30)).expect("the server is there");
        let (bill, answer) = answer.expect("an answer within half a minute");
        flying.remove(&bill);
        bills.heard(bill, &answer);
        let word = match answer {
            Answer::Done { .. } => "done".to_owned(),
            Answer::Refused { code, .. } => code,
        };
        *heard.entry(word).or_default() += 1;
    }
}

pub(crate) fn done(heard: &BTreeMap<String, u64>) -> u64 {
    heard.get("done").copied().unwrap_or(0)
}

/// Load until a call is carried out again.
fn until_it_works(client: &mut Client, bills: &Bills) {
    let begun = Instant::now();
    loop {
        let heard = load(client, bills, Duration::from_millis(200));
        if done(&heard) > 0 {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not work again: {heard:?}");
    }
}

/// That nobody was told of a success that is none is looked at in [`settle`].
fn refused_alone(heard: &BTreeMap<String, u64>) {
    let known = ["audit_unavailable", "switched_off", "in_progress", "in_doubt"];
    let refused: u64 = heard.iter().filter(|(word, _)| *word != "done").map(|(_, n)| n).sum();
    assert!(refused > 0, "nothing was refused: {heard:?}");
    let strange: Vec<_> =
        heard.keys().filter(|word| *word != "done" && !known.contains(&word.as_str())).collect();
    assert!(strange.is_empty(), "{strange:?}: {heard:?}");
}

#[test]
fn a_database_that_crashes_under_load_is_refused_to_callers_and_comes_back_without_a_restart() {
    let server = Postgres::durable();
    let desk = Desk::on(Some(&server));
    let (mut client, bills) = (desk.serve(), Bills::small());
    assert!(done(&load(&mut client, &bills, Duration::from_secs(1))) > 0);
    for _ in 0..3 {
        let heard = std::thread::scope(|scope| {
            let away = scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(300));
                server.crash();
            });
            let heard = load(&mut client, &bills, Duration::from_secs(3));
            away.join().unwrap();
            heard
        });
        refused_alone(&heard);
        server.run();
        until_it_works(&mut client, &bills);
        println!("crash: {heard:?}");
    }
    drop(client);
    println!("{:?}", settle(&desk, &bills));
}

#[test]
fn b14_a_limit_that_a_database_does_not_count_lets_nothing_through() {
    let server = Postgres::durable();
    let desk = Desk::on(Some(&server));
    let mut client = desk.serve();
    let mut bill = 0;
    let mut ask = |tool: &str| {
        bill += 1;
        client.ask_of(tool, bill)
    };
    assert_eq!(ask("look_up"), Answer::Done { replayed: false });
    assert_eq!(ask("remind"), Answer::Done { replayed: false });
    server.crash();
    // What was counted ahead is used up, or is no longer good after a second.
    std::thread::sleep(Duration::from_millis(1200));
    for tool in ["look_up", "remind", "look_up", "remind"] {
        let Answer::Refused { code, executed, .. } = ask(tool) else {
            panic!("{tool} was let through, and nobody counted it");
        };
        assert_eq!(executed, false, "{tool}: {code}");
        // A server that has not heard of its switches for three seconds takes all for off.
        assert!(["audit_unavailable", "switched_off"].contains(&code.as_str()), "{tool}: {code}");
    }
    assert_eq!(desk.effects("reminded").len(), 1);
    server.run();
    let begun = Instant::now();
    while ask("remind") != (Answer::Done { replayed: false }) {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not work again");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(ask("look_up"), Answer::Done { replayed: false });
    drop(client);
    desk.run(&["audit", "verify"]);
}

#[test]
fn connections_that_are_cut_under_load_cost_no_call_its_truth() {
    let server = Postgres::durable();
    let database = server.database();
    let cut = format!(
        "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity \
         WHERE datname = '{database}') AS cut WHERE ended"
    );
    let desk = Desk::new(Store::Postgres { server: &server, database });
    let (mut client, bills) = (desk.serve(), Bills::small());
    assert!(done(&load(&mut client, &bills, Duration::from_secs(1))) > 0);
    let (heard, cuts) = std::thread::scope(|scope| {
        let cuts = scope.spawn(|| {
            let mut cuts = Vec::new();
            for _ in 0..20 {
                std::thread::sleep(Duration::from_millis(150));
                cuts.push(server.sql("postgres", &cut).parse::<u32>().unwrap());
            }
            cuts
        });
        let heard = load(&mut client, &bills, Duration::from_secs(4));
        (heard, cuts.join().unwrap())
    });
    println!("cut: {cuts:?}: {heard:?}");
    // Connections were there to be cut, again and again: it came back each time.
    assert!(cuts.iter().filter(|ended| **ended > 0).count() >= 10, "{cuts:?}: {heard:?}");
    assert!(done(&heard) > 0, "{heard:?}");
    until_it_works(&mut client, &bills);
    drop(client);
    println!("{:?}", settle(&desk, &bills));
}

/// Load until something is refused.
fn until_it_is_refused(client: &mut Client, bills: &Bills) -> BTreeMap<String, u64> {
    let begun = Instant::now();
    loop {
        let heard = load(client, bills, Duration::from_secs(1));
        if heard.keys().any(|word| word != "done") {
            println!("disk full after {:.0?}: {heard:?}", begun.elapsed());
            return heard;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "the disk never fills: {heard:?}");
    }
}

#[test]
fn a_database_whose_disk_is_full_is_refused_to_callers_and_works_again_once_there_is_room() {
    let server = Postgres::durable_with_a_small_log();
    let desk = Desk::on(Some(&server));
    let (mut client, bills) = (desk.serve(), Bills::small());
    assert!(done(&load(&mut client, &bills, Duration::from_secs(1))) > 0);

    // No table finds room any more. The server goes on, and says so.
    server.limit_files(&(1 << 20).to_string());
    refused_alone(&until_it_is_refused(&mut client, &bills));
    assert!(server.answers());
    server.limit_files("unlimited");
    until_it_works(&mut client, &bills);

    // Nor does its log: a PostgreSQL ends itself then, and an operator starts it again.
    server.limit_files("1");
    refused_alone(&until_it_is_refused(&mut client, &bills));
    let begun = Instant::now();
    while server.answers() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it goes on without a log");
        std::thread::sleep(Duration::from_millis(100));
    }
    server.stop();
    server.run();
    until_it_works(&mut client, &bills);
    drop(client);
    println!("{:?}", settle(&desk, &bills));
}
