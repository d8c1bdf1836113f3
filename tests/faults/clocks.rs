//! A clock that is wrong. The store's time never goes back, so where some process was an hour ahead once, it stays ahead: and
//! goes on from there, also where that happens again, and also within a process whose clock is set back while it runs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mcp_secure_test_postgres::{MachineClock, Server as Postgres};

use crate::bills::Bills;
use crate::client::{Answer, Client};
use crate::desk::Desk;
use crate::outages::{done, load};
use crate::round::settle;

const AN_HOUR: Duration = Duration::from_secs(3600);

/// What only a step may have put in doubt, or a kill.
fn nothing_strange(heard: &BTreeMap<String, u64>) {
    // A machine that is too busy may keep a call waiting for longer than its lease of a second.
    let known = ["done", "in_progress", "in_doubt", "audit_unavailable"];
    let strange: Vec<_> = heard.keys().filter(|word| !known.contains(&word.as_str())).collect();
    assert!(strange.is_empty(), "{heard:?}");
}

/// The number of a bill that no load asks for.
const URGENT: u32 = 1_000_000;

/// Asks for a payment, and gets the request that somebody has to approve.
fn asks(client: &mut Client, bill: u32) -> String {
    match client.ask_of("pay_urgent_bill", bill) {
        Answer::Refused { approval: Some(id), .. } => id,
        other => panic!("bill {bill}: {other:?}"),
    }
}

/// Four seconds are as long as ever: what is approved in time runs, and what is not asks anew.
fn four_seconds_are_four_seconds(
    desk: &Desk<'_>,
    client: &mut Client,
    bills: &Bills,
    (in_time, late): (u32, u32),
) {
    let id = asks(client, in_time);
    desk.run(&["approvals", "approve", &id, "--as", "bob"]);
    let paid = client.ask_of("pay_urgent_bill", in_time);
    assert_eq!(paid, Answer::Done { replayed: false });
    let id = asks(client, late);
    // A store is asked for the time now and then, as long as there is somebody to ask.
    for _ in 0..5 {
        nothing_strange(&load(client, bills, Duration::from_millis(200)));
        std::thread::sleep(Duration::from_millis(800));
    }
    let said = desk.try_run(&["approvals", "approve", &id, "--as", "bob"]);
    assert!(!said.status.success(), "approved after it had run out");
    assert_eq!(desk.effects("paid at once").get(&late), None);
}

/// Whose process is killed holds its bills for a lease, which is a second, and not for an hour.
fn a_lease_is_a_second(desk: &Desk<'_>, mut client: Client, bills: &Bills) -> Client {
    let before = bills.in_doubt().len();
    let begun = Instant::now();
    while bills.in_doubt().len() == before {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is in doubt: {bills:?}");
        let flying: Vec<u32> = (0..4).map(|_| bills.next()).collect();
        for bill in &flying {
            client.pay(*bill).unwrap();
        }
        std::thread::sleep(Duration::from_millis(5 + begun.elapsed().as_millis() as u64 % 20));
        drop(client.kill());
        client = desk.serve();
        for bill in flying {
            bills.ask_again(bill, Duration::ZERO);
        }
        std::thread::sleep(Duration::from_millis(1500));
        nothing_strange(&load(&mut client, bills, Duration::from_millis(300)));
    }
    client
}

fn time_steps_ahead(postgres: Option<&Postgres>) {
    let desk = Desk::on(postgres);
    let bills = Bills::small();
    let mut client = desk.serve();
    assert!(done(&load(&mut client, &bills, Duration::from_secs(1))) > 0);
    for step in 0..2 {
        let heard = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(300));
                desk.step_ahead(AN_HOUR);
            });
            load(&mut client, &bills, Duration::from_secs(1))
        });
        nothing_strange(&heard);
        println!("step {step}: {heard:?}");
        assert!(done(&heard) > 0, "{heard:?}");

        let (in_time, late) = (URGENT + 2 * step, URGENT + 2 * step + 1);
        four_seconds_are_four_seconds(&desk, &mut client, &bills, (in_time, late));
        client = a_lease_is_a_second(&desk, client, &bills);
    }
    drop(client);
    println!("{:?}", settle(&desk, &bills));
    assert_eq!(desk.effects("paid at once").len(), 2);
}

#[test]
fn time_that_steps_ahead_goes_on_from_there_in_sqlite() {
    time_steps_ahead(None);
}

#[test]
fn time_that_steps_ahead_goes_on_from_there_in_postgresql() {
    time_steps_ahead(Some(&Postgres::durable()));
}

/// A request runs out within this process alone: another that opens the store would show it that time goes on.
fn time_runs_out_though_nobody_else_is_there(client: &mut Client, bills: &Bills) {
    let (bill, begun) = (URGENT - 1, Instant::now());
    let asked = asks(client, bill);
    while begun.elapsed() < Duration::from_secs(5) {
        nothing_strange(&load(client, bills, Duration::from_millis(200)));
    }
    match client.ask_of("pay_urgent_bill", bill) {
        Answer::Refused { code, approval: Some(id), .. } => {
            assert_eq!((code.as_str(), &id), ("approval_expired", &asked), "time stands still");
        }
        other => panic!("bill {bill}: {other:?}"),
    }
}

/// A clock is set back under load, as by an operator or a machine that wakes up: the server's, or the database's.
fn time_steps_back(desk: &Desk<'_>, clock: &MachineClock) {
    let bills = Bills::small();
    let mut client = desk.serve();
    assert!(done(&load(&mut client, &bills, Duration::from_secs(1))) > 0);
    for step in 0..2 {
        let heard = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(300));
                clock.set_back(AN_HOUR * (step + 1));
            });
            load(&mut client, &bills, Duration::from_secs(1))
        });
        nothing_strange(&heard);
        println!("step {step}: {heard:?}");
        assert!(done(&heard) > 0, "{heard:?}");
        if step == 0 {
            time_runs_out_though_nobody_else_is_there(&mut client, &bills);
        }
        let (in_time, late) = (URGENT + 2 * step, URGENT + 2 * step + 1);
        four_seconds_are_four_seconds(desk, &mut client, &bills, (in_time, late));
    }
    client = a_lease_is_a_second(desk, client, &bills);
    drop(client);
    println!("{:?}", settle(desk, &bills));
    assert_eq!(desk.effects("paid at once").len(), 2);
}

#[test]
fn time_goes_on_where_the_clock_of_a_running_server_is_set_back_on_sqlite() {
    let desk = Desk::on(None).with_clock();
    time_steps_back(&desk, desk.clock().unwrap());
}

#[test]
fn time_goes_on_where_the_clock_of_a_running_server_is_set_back_on_postgresql() {
    let server = Postgres::durable();
    let desk = Desk::on(Some(&server)).with_clock();
    time_steps_back(&desk, desk.clock().unwrap());
}

#[test]
fn time_goes_on_where_the_clock_of_a_running_database_is_set_back() {
    let server = Postgres::durable_with_a_clock();
    let desk = Desk::on(Some(&server));
    time_steps_back(&desk, server.clock().unwrap());
    let says =
        server.sql("postgres", "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint");
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let behind = since.abs_diff(says.parse().unwrap());
    assert!(behind >= AN_HOUR.as_secs(), "the database's clock is {behind} s behind");
}
