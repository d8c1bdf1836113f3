//! A clock that is wrong. The store's time never goes back, so where some process was an hour ahead once, it stays ahead: and
//! goes on from there, also where that happens again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mcp_secure_test_postgres::Server as Postgres;

use crate::bills::Bills;
use crate::client::{Answer, Client};
use crate::desk::Desk;
use crate::outages::{done, load};
use crate::round::settle;

const AN_HOUR: Duration = Duration::from_secs(3600);

/// What only a step may have put in doubt, or a kill.
fn nothing_strange(heard: &BTreeMap<String, u64>) {
    let known = ["done", "in_progress", "in_doubt"];
    let strange: Vec<_> = heard.keys().filter(|word| !known.contains(&word.as_str())).collect();
    assert!(strange.is_empty() && done(heard) > 0, "{heard:?}");
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

        // Four seconds are as long as ever: what is approved in time runs, and what is not asks anew.
        let (in_time, late) = (URGENT + 2 * step, URGENT + 2 * step + 1);
        let id = asks(&mut client, in_time);
        desk.run(&["approvals", "approve", &id, "--as", "bob"]);
        let paid = client.ask_of("pay_urgent_bill", in_time);
        assert_eq!(paid, Answer::Done { replayed: false });
        let id = asks(&mut client, late);
        // A store is asked for the time now and then, as long as there is somebody to ask.
        for _ in 0..5 {
            nothing_strange(&load(&mut client, &bills, Duration::from_millis(200)));
            std::thread::sleep(Duration::from_millis(800));
        }
        let said = desk.try_run(&["approvals", "approve", &id, "--as", "bob"]);
        assert!(!said.status.success(), "approved after it had run out");
        assert_eq!(desk.effects("paid at once").get(&late), None);

        // Whose process is killed holds its bills for a lease, which is a second, and not for an hour.
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
            nothing_strange(&load(&mut client, &bills, Duration::from_millis(300)));
        }
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
