//! `examples/fleet` as it is started: three servers of one application on one PostgreSQL, behind a proxy that knows nothing
//! of it.

mod fleet;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use fleet::{Call, Fleet};

fn order(number: u32) -> Value {
    json!({"order_id": format!("ord_{number}")})
}

fn code(call: &Call) -> &str {
    call.structured["code"].as_str().unwrap_or_default()
}

#[test]
fn any_server_answers_any_call() {
    let fleet = Fleet::shared();
    let mut answered = BTreeSet::new();
    for _ in 0..6 {
        let call = fleet.call("get_order", &order(1));
        assert_eq!(call.structured["amount_cents"], json!(1001), "{call:?}");
        answered.insert(call.replica);
    }
    assert_eq!(answered, BTreeSet::from([1, 2, 3]));
}

#[test]
fn a_client_of_2025_needs_no_session_and_so_no_server_of_its_own() {
    let fleet = Fleet::shared();
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}});
    let (first, session, welcome) = fleet.legacy(&hello);
    assert_eq!(welcome["protocolVersion"], json!("2025-11-25"));
    assert_eq!(session, None, "a session would be one server's");
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
        "name": "get_order", "arguments": {"order_id": "ord_1"}}});
    let mut answered = BTreeSet::from([first]);
    for _ in 0..5 {
        let (replica, session, result) = fleet.legacy(&call);
        assert_eq!(result["structuredContent"]["amount_cents"], json!(1001), "{result:#}");
        assert_eq!(session, None);
        answered.insert(replica);
    }
    assert_eq!(answered, BTreeSet::from([1, 2, 3]));
}

#[test]
fn what_was_asked_of_one_and_decided_elsewhere_runs_on_another_and_is_taken_back_once() {
    let fleet = Fleet::shared();
    let refund = json!({"order_id": "ord_2", "amount_cents": 500});
    let asked = fleet.call("refund_order", &refund);
    assert_eq!(code(&asked), "approval_required", "{asked:?}");
    let id = asked.structured["approval_id"].as_str().unwrap();
    fleet.run(&["approvals", "approve", id, "--as", "bob"]);
    let paid = fleet.call("refund_order", &refund);
    assert!(!paid.refused && !paid.replayed, "{paid:?}");
    assert_ne!(paid.replica, asked.replica);
    assert_eq!(fleet.effects("refund.paid", 2), 1);

    let again = fleet.call("refund_order", &refund);
    assert!(again.replayed && again.replica != paid.replica, "{again:?}");
    assert_eq!(fleet.effects("refund.paid", 2), 1);

    let words = ["runs", "list", "--as", "bob", "--tool", "refund_order", "--format", "json"];
    let runs: Value = serde_json::from_str(&fleet.run(&words)).unwrap();
    let run = runs[0]["id"].as_str().unwrap();
    fleet.run(&["runs", "rollback", run, "--as", "bob"]);
    assert!(fleet.try_run(&["runs", "rollback", run, "--as", "bob"]).is_err());
    assert_eq!(fleet.effects("refund.cancelled", 2), 1);
}

#[test]
fn a_call_that_one_server_carried_out_is_replayed_by_the_others() {
    let fleet = Fleet::shared();
    let first = fleet.call("capture_payment", &order(3));
    assert!(!first.refused && !first.replayed, "{first:?}");
    let mut replayed = BTreeSet::new();
    for _ in 0..6 {
        let again = fleet.call("capture_payment", &order(3));
        assert!(again.replayed, "{again:?}");
        assert_eq!(again.structured, first.structured);
        replayed.insert(again.replica);
    }
    assert_eq!(replayed.len(), 3);
    assert_eq!(fleet.effects("payment.captured", 3), 1);
}

#[test]
fn a_rate_limit_counts_over_all_servers() {
    let fleet = Fleet::shared();
    let calls: Vec<Call> = (0..18).map(|_| fleet.call("send_receipt", &order(4))).collect();
    let limited: Vec<_> = calls.iter().filter(|call| code(call) == "rate_limited").collect();
    let passed = calls.iter().filter(|call| !call.refused).count();
    assert_eq!((passed, limited.len()), (6, 12), "{calls:?}");
    assert!(limited.iter().all(|call| call.structured["retry_after_ms"].as_u64() > Some(0)));
    assert_eq!(fleet.effects("receipt.sent", 4), 6);
}

#[test]
fn what_is_switched_off_is_off_on_every_server_within_a_second() {
    let fleet = Fleet::shared();
    assert!(!fleet.call("get_order", &order(1)).refused);
    fleet.run(&["switch", "off", "tool:get_order", "--as", "carol"]);
    std::thread::sleep(Duration::from_secs(1));
    let off: Vec<Call> = (0..6).map(|_| fleet.call("get_order", &order(1))).collect();
    assert!(off.iter().all(|call| code(call) == "switched_off"), "{off:?}");
    assert_eq!(off.iter().map(|call| call.replica).collect::<BTreeSet<_>>().len(), 3);
    fleet.run(&["switch", "on", "tool:get_order", "--as", "carol"]);
    std::thread::sleep(Duration::from_secs(1));
    assert!((0..3).all(|_| !fleet.call("get_order", &order(1)).refused));
}

#[test]
fn a_server_that_is_killed_under_load_loses_no_acknowledged_call_and_does_none_twice() {
    let fleet = Fleet::shared();
    let fleet: &Fleet = &fleet;
    let next = AtomicU32::new(1000);
    let stop = AtomicBool::new(false);
    let known: Mutex<BTreeMap<u32, &str>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let answer = until_known(fleet, number);
                    known.lock().unwrap().insert(number, answer);
                }
            });
        }
        // A server dies after each 25 payments, however quick this machine is.
        for killed in 0..=3 {
            let begun = Instant::now();
            while known.lock().unwrap().len() < (killed + 1) * 25 {
                if begun.elapsed() > Duration::from_secs(120) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            if killed < 3 {
                fleet.kill_one();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let known = known.into_inner().unwrap();
    let done = known.values().filter(|answer| **answer == "done").count();
    println!("{} payments: {done} done, {} in doubt", known.len(), known.len() - done);
    assert!(known.len() >= 100 && done > 50, "only {done} payments in all that time");
    let mut effects = fleet.all_effects("payment.captured");
    // Those below are other tests'.
    effects.retain(|number, _| *number >= 1000);
    let twice: Vec<_> = effects.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "taken twice: {twice:?}");
    let lost = |number: &&u32| known[number] == "done" && !effects.contains_key(number);
    let lost: Vec<_> = known.keys().filter(lost).collect();
    assert!(lost.is_empty(), "acknowledged and never taken: {lost:?}");
    assert!(effects.keys().all(|number| known.contains_key(number)));
    // Whatever happened is on record, by whichever server it was done.
    let words = ["audit", "query", "--outcome", "intent", "--format", "json"];
    let intents: Value = serde_json::from_str(&fleet.run(&words)).unwrap();
    let request = |record: &Value| record["request_id"].as_str().unwrap().to_owned();
    let intents: BTreeSet<String> = intents.as_array().unwrap().iter().map(request).collect();
    let effective = fleet.effective_requests();
    let unrecorded: Vec<_> = effective.difference(&intents).collect();
    assert!(effective.len() > 50 && unrecorded.is_empty(), "happened unrecorded: {unrecorded:?}");
    // A server that was killed was started again, and is in turn.
    let back = Instant::now();
    let mut answered = BTreeSet::new();
    while answered.len() < 3 {
        assert!(back.elapsed() < Duration::from_secs(60), "only {answered:?} answer");
        answered.extend(fleet.try_call("get_order", &order(1)).map(|call| call.replica));
    }
    fleet.run(&["audit", "verify"]);
}

#[test]
fn one_command_starts_it_and_nothing_is_left_when_it_is_told_to_end() {
    let fleet = Fleet::start();
    assert!(!fleet.call("get_order", &order(1)).refused);
    let servers = fleet.pids();
    assert_eq!(servers.len(), 3);
    let (ended, folder) = fleet.end();
    assert!(ended.success(), "{ended}");
    assert!(!folder.exists(), "`{}` is left behind", folder.display());
    let alive = |pid: &u32| std::path::Path::new("/proc").join(pid.to_string()).exists();
    assert!(!servers.iter().any(alive), "a server still runs");
}

/// Asks for a payment with the same key until somebody knows what became of it.
fn until_known(fleet: &Fleet, number: u32) -> &'static str {
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < Duration::from_secs(90), "nobody knows of payment {number}");
        match fleet.try_call("capture_payment", &order(number)) {
            Some(call) if !call.refused => return "done",
            Some(call) if code(&call) == "in_doubt" => return "in doubt",
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
