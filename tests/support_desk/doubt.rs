//! `kill -9` in the middle of a refund: nobody knows, nothing is tried again, and a person ends the doubt.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Desk, PATIENCE, cut_off, refund_arguments, refusal_code, structured};

/// Waits until the lease of the lost run has lapsed.
fn the_doubt(desk: &Desk) -> Value {
    let since = Instant::now();
    loop {
        if let Some(run) = desk.runs("bob", "in_doubt").pop() {
            return run;
        }
        assert!(since.elapsed() < PATIENCE * 2, "the run is not put in doubt");
        thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn a_refund_cut_off_by_kill_9_is_in_doubt_until_somebody_else_says_and_may_then_be_asked_for_anew()
{
    let desk = Desk::new();
    let mut server = desk.serve();
    let alice = desk.token("alice");
    let asked = server.ask(&alice, "request_refund", &refund_arguments());
    let first = structured(&asked)["approval_id"].as_str().unwrap().to_owned();
    desk.approve(&first, "bob");
    cut_off(&desk, &mut server, &alice);
    let server = desk.serve();
    let early = server.ask(&alice, "request_refund", &refund_arguments());
    assert!(matches!(refusal_code(&early), "in_progress" | "in_doubt"), "{early:#}");
    assert_eq!(structured(&early)["executed"], json!("unknown"), "{early:#}");

    let run = the_doubt(&desk);
    let id = run["id"].as_str().unwrap();
    for _ in 0..2 {
        let answer = server.ask(&alice, "request_refund", &refund_arguments());
        assert_eq!(refusal_code(&answer), "in_doubt", "{answer:#}");
        assert_eq!(structured(&answer)["executed"], json!("unknown"), "{answer:#}");
    }
    // Neither who called, nor a stranger, nor another tenant; and not without a reason.
    let resolve = |name: &str, reason: &str| {
        desk.run(&["runs", "resolve", id, "--not-done", "--as", name, "--reason", reason])
    };
    for name in ["alice", "mallory", "dave", "erin"] {
        resolve(name, "trust me").exited_with(1);
    }
    resolve("carol", " ").exited_with(1);
    // In doubt, it can not be taken back either.
    desk.run(&["runs", "rollback", id, "--as", "bob"]).exited_with(1);
    resolve("carol", "the bank has no such payment").succeeded();
    resolve("bob", "me too").exited_with(1);

    // It may be asked for again; the old approval is used up, so people decide anew.
    let anew = server.ask(&alice, "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&anew), "approval_required", "{anew:#}");
    let second = structured(&anew)["approval_id"].as_str().unwrap();
    assert_ne!(second, first);
    assert_eq!(desk.effects("refund.paid"), 0);
    desk.approve(second, "bob");
    let paid = server.ask(&alice, "request_refund", &refund_arguments());
    assert_eq!(structured(&paid)["status"], json!("refunded"), "{paid:#}");
    assert_eq!(desk.effects("refund.paid"), 1);
    desk.effects_are_on_record();
    desk.audit_holds();
}
