//! What becomes of calls while PostgreSQL is away. They are refused in a structured way, and nothing has to be restarted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use mcp_secure_test_postgres::Server as Postgres;

use crate::bills::Bills;
use crate::client::{Answer, Client};
use crate::desk::{Desk, Store};
use crate::round::settle;

/// Keeps calls in flight for `length`, and counts how they were answered.
fn load(client: &mut Client, bills: &Bills, length: Duration) -> BTreeMap<String, u64> {
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

fn done(heard: &BTreeMap<String, u64>) -> u64 {
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
    let (mut client, bills) = (desk.serve(), Bills::default());
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
fn connections_that_are_cut_under_load_cost_no_call_its_truth() {
    let server = Postgres::durable();
    let database = server.database();
    let cut = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    );
    let desk = Desk::new(Store::Postgres { server: &server, database });
    let (mut client, bills) = (desk.serve(), Bills::default());
    assert!(done(&load(&mut client, &bills, Duration::from_secs(1))) > 0);
    let heard = std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..20 {
                std::thread::sleep(Duration::from_millis(150));
                server.sql("postgres", &cut);
            }
        });
        load(&mut client, &bills, Duration::from_secs(4))
    });
    println!("cut: {heard:?}");
    assert!(done(&heard) > 0, "{heard:?}");
    until_it_works(&mut client, &bills);
    drop(client);
    println!("{:?}", settle(&desk, &bills));
}

/// A small disk of its own.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=96m,mode=0777", "none"]).arg(at);
        mount.status().is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.0).status());
    }
}

/// Needs the right to mount a file system, which a test that runs as an ordinary user has not; it then says so.
#[test]
fn a_database_whose_disk_is_full_is_refused_to_callers_and_works_again_once_there_is_room() {
    let place = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(place.path()) else {
        println!("not run: a small file system can not be mounted here");
        return;
    };
    let server = Postgres::durable_in(&disk.0);
    let desk = Desk::on(Some(&server));
    let (mut client, bills) = (desk.serve(), Bills::default());
    assert!(done(&load(&mut client, &bills, Duration::from_secs(1))) > 0);
    let filler = disk.0.join("filler");
    // All that is left; what was set aside as log before may last for a while.
    drop(
        Command::new("dd")
            .args(["if=/dev/zero", "bs=64k"])
            .arg(format!("of={}", filler.display()))
            .output(),
    );
    let begun = Instant::now();
    let heard = loop {
        let heard = load(&mut client, &bills, Duration::from_secs(1));
        if heard.keys().any(|word| word != "done") {
            break heard;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "the disk never fills: {heard:?}");
    };
    println!("disk full after {:.0?}: {heard:?}", begun.elapsed());
    refused_alone(&heard);
    std::fs::remove_file(&filler).unwrap();
    // A PostgreSQL whose log finds no room ends itself; an operator starts it again.
    if !server.answers() {
        server.stop();
        server.run();
    }
    until_it_works(&mut client, &bills);
    drop(client);
    println!("{:?}", settle(&desk, &bills));
}
