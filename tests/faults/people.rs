//! The people behind the calls. They approve and take back on the command line, and those commands are killed as well.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bills::Bills;
use crate::desk::Desk;
use crate::round::Dice;

/// How long a command takes at most that is killed, starting included.
const A_COMMAND: u64 = 150;

/// Decides what waits and takes back some of what was paid, until `stop`. How many commands were killed in the middle.
pub(crate) fn work(desk: &Desk<'_>, bills: &Bills, mut dice: Dice, stop: &AtomicBool) -> u64 {
    let (mut killed, mut looked) = (0, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let mut does = |words: &[&str]| {
            if dice.between(0, 2) == 0 {
                let after = Duration::from_millis(dice.between(0, A_COMMAND));
                killed += u64::from(desk.killed(words, after));
            } else {
                // It may fail: another command may have been killed after it was done.
                desk.try_run(words);
            }
        };
        // Neither waits for the other to be done with.
        if looked.elapsed() > Duration::from_millis(300) {
            for run in payments(desk).iter().take(2) {
                bills.takes_back(run);
                does(&rollback(run));
            }
            looked = Instant::now();
        } else if let Some(id) = bills.pending() {
            does(&["approvals", "approve", &id, "--as", "bob"]);
        } else {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    killed
}

fn rollback(run: &str) -> [&str; 7] {
    ["runs", "rollback", run, "--as", "carol", "--reason", "the goods came back"]
}

/// The runs that can be taken back.
fn payments(desk: &Desk<'_>) -> Vec<String> {
    let words = ["runs", "list", "--as", "carol", "--tool", "pay_large_bill", "--state", "done"];
    let runs = desk.json(&[&words[..], &["--limit", "10000"]].concat());
    let open = |run: &&Value| run["rollback"].is_object() && run["rollback"]["taken_by"].is_null();
    let id = |run: &Value| run["id"].as_str().unwrap().to_owned();
    runs.as_array().unwrap().iter().filter(open).map(id).collect()
}

/// Everybody takes time now: what waits is approved.
pub(crate) fn approve(desk: &Desk<'_>, bills: &Bills) {
    while let Some(id) = bills.pending() {
        // It may have been decided by a command that was killed behind that.
        desk.try_run(&["approvals", "approve", &id, "--as", "bob"]);
    }
}

/// Once nothing is in doubt any more, all that somebody began to take back can be taken back, and has been once in the end.
/// How many that is.
pub(crate) fn take_the_rest_back(desk: &Desk<'_>, bills: &Bills) -> u64 {
    for run in payments(desk).iter().take(2) {
        bills.takes_back(run);
    }
    let begun = bills.taking_back();
    for run in &begun {
        let said = desk.try_run(&rollback(run));
        let why = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.success() || why.contains("or has been"), "{run}: {why}");
    }
    let taken_back = desk.effects("taken back");
    let twice: Vec<_> = taken_back.iter().filter(|(_, requests)| requests.len() > 1).collect();
    assert!(twice.is_empty(), "taken back twice: {twice:?}");
    assert_eq!(taken_back.len(), begun.len(), "{taken_back:?}: {begun:?}");
    taken_back.len() as u64
}
