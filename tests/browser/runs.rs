//! Runs: ending a doubt, and taking back what was done, each with its own permission.

use serde_json::{Value, json};

use crate::forged::forge;
use crate::harness::{PATIENCE, cut_off, refund_arguments, refusal_code, structured};
use crate::stage::{Stage, page_of};

fn run_page(id: &str) -> String {
    format!("/inbox/runs/{id}")
}

fn state(stage: &Stage, id: &str) -> Value {
    stage.desk.run(&["runs", "show", id, "--as", "bob", "--format", "json"]).json()["state"].clone()
}

/// A desk on which a refund that bob has approved was cut off by `kill -9`, and that was started anew; the run.
fn in_doubt() -> (Stage, String) {
    let mut stage = Stage::open();
    let id = stage.refund();
    stage.desk.approve(&id, "bob");
    let alice = stage.desk.token("alice");
    cut_off(&stage.desk, &mut stage.server, &alice);
    // Its lease lapses, as if that had been a while ago.
    let store = rusqlite::Connection::open(stage.desk.data().join("mcp-secure.sqlite")).unwrap();
    store.busy_timeout(PATIENCE).unwrap();
    let lapse = "UPDATE runs SET lease_until = started + 1 WHERE state = 'running'";
    assert_eq!(store.execute(lapse, ()), Ok(1));
    stage.server = stage.desk.serve();
    let since = std::time::Instant::now();
    loop {
        if let Some(run) = stage.desk.runs("bob", "in_doubt").pop() {
            return (stage, run["id"].as_str().unwrap().to_owned());
        }
        assert!(since.elapsed() < PATIENCE * 2, "the run is not put in doubt");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

#[test]
fn a_doubt_is_ended_as_not_done_by_somebody_else_and_people_are_asked_anew() {
    let (stage, run) = in_doubt();
    let carol = stage.signed_in("carol");
    carol.follow("Runs");
    carol.see("in doubt");
    carol.follow("request_refund");
    assert_eq!(carol.path(), run_page(&run));
    carol.see("Nobody knows how it ended").see("alice");
    // Without an answer and a reason the browser stops the form.
    carol.press("Resolve");
    assert_eq!((carol.path(), state(&stage, &run)), (run_page(&run), json!("in_doubt")));
    carol.script("document.querySelector('input[value=not_done]').click()");
    carol.write("#reason", "the bank has no such payment");
    carol.press("Resolve");
    carol.see("had no effect").does_not_see("Nobody knows");
    assert!(!carol.has_button("Resolve"));
    assert_eq!(state(&stage, &run), "no_effect");
    let anew = stage.call("alice", "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&anew), "approval_required");
    assert_eq!(stage.desk.effects("refund.paid"), 0);
    let told = json!(stage.desk.records(&["--outcome", "resolution"])).to_string();
    assert!(told.contains("carol") && told.contains("the bank has no such payment"), "{told}");
    stage.desk.audit_holds();
}

#[test]
fn a_doubt_is_ended_as_done_once_and_the_call_never_runs_again() {
    let (stage, run) = in_doubt();
    let (carol, bob) = (stage.signed_in("carol"), stage.signed_in("bob"));
    for lead in [&carol, &bob] {
        lead.visit(&run_page(&run));
        lead.see("Nobody knows how it ended");
    }
    carol.script("document.querySelector('input[value=done]').click()");
    carol.write("#reason", "the payment is on the bank's list");
    carol.press("Resolve");
    carol.see("done").does_not_see("Nobody knows");
    assert_eq!(state(&stage, &run), "done");
    // Bob's page is from before. What he says of it comes too late.
    bob.script("document.querySelector('input[value=not_done]').click()");
    bob.write("#reason", "I can not find it");
    bob.press("Resolve");
    bob.see("This was not done");
    assert_eq!(state(&stage, &run), "done");
    let again = stage.call("alice", "request_refund", &refund_arguments());
    assert_ne!(again["isError"], json!(false), "{again:#}");
    assert_eq!(stage.desk.effects("refund.paid"), 0, "nobody runs it once more: {again:#}");
}

#[test]
fn who_may_not_resolve_ends_no_doubt() {
    let (stage, run) = in_doubt();
    let forged = [("found", "not_done"), ("reason", "trust me")];
    // Who called sees it and can not say how it ended; to a stranger and another tenant it is not there.
    for (name, says) in [
        ("alice", "This was not done"),
        ("mallory", "There is nothing here"),
        ("erin", "There is nothing here"),
    ] {
        let window = stage.signed_in(name);
        window.visit(&run_page(&run));
        if name == "alice" {
            window.see("Policy does not let you resolve");
        } else {
            window.see("There is nothing here");
            window.visit("/inbox");
        }
        assert!(!window.has_button("Resolve"), "{name}");
        forge(&window, &format!("{}/resolve", run_page(&run)), &forged);
        window.see(says);
        assert_eq!(state(&stage, &run), "in_doubt", "{name}");
    }
}

/// A change of status that was approved and made; its run, and the request.
fn changed(stage: &Stage) -> (String, String) {
    let tool = "request_customer_status_change";
    let change =
        json!({"customer_id": "cus_1001", "proposed_status": "paused", "reason": "asked for it"});
    let id = stage.asked("alice", tool, &change);
    stage.desk.approve(&id, "carol");
    let made = stage.call("alice", tool, &change);
    assert_eq!(structured(&made)["to"], "paused", "{made:#}");
    let run = stage.desk.runs("bob", "done").remove(0);
    (run["id"].as_str().unwrap().to_owned(), id)
}

fn status(stage: &Stage) -> String {
    let file = rusqlite::Connection::open(stage.desk.data().join("support-desk.sqlite")).unwrap();
    let asked = "SELECT status FROM customers WHERE id = 'cus_1001'";
    file.query_row(asked, (), |row| row.get(0)).unwrap()
}

#[test]
fn what_a_run_did_is_taken_back_from_its_page_once() {
    let stage = Stage::open();
    let (run, request) = changed(&stage);
    let (bob, carol) = (stage.signed_in("bob"), stage.signed_in("carol"));
    bob.visit(&page_of(&request));
    bob.see("done");
    bob.follow("Runs");
    bob.see("can be taken back");
    bob.follow("request_customer_status_change");
    bob.see("not yet; it can be until");
    for lead in [&bob, &carol] {
        lead.visit(&run_page(&run));
        lead.follow("Take back what this run did");
        lead.see("This calls the tool's own way back, at once");
    }
    assert_eq!(status(&stage), "paused", "a page that asks does nothing");
    // Not without a reason.
    bob.press("Take it back");
    assert_eq!(
        (bob.path(), status(&stage).as_str()),
        (format!("{}/rollback", run_page(&run)), "paused")
    );
    bob.write("#reason", "a misunderstanding");
    bob.press("Take it back");
    bob.see("by run_").does_not_see("Take back what this run did");
    assert_eq!((bob.path(), status(&stage).as_str()), (run_page(&run), "active"));
    carol.write("#reason", "me too");
    carol.press("Take it back");
    carol.see("This was not done");
    assert_eq!(stage.desk.effects("customer.status_put_back"), 1);
    carol.visit("/inbox/runs");
    carol.see("takes another run back").see("taken back");
    stage.desk.effects_are_on_record();
    stage.desk.audit_holds();
}

#[test]
fn who_may_not_take_back_takes_nothing_back() {
    let stage = Stage::open();
    let (run, _) = changed(&stage);
    for (name, says) in [
        ("alice", "This was not done"),
        ("mallory", "There is nothing here"),
        ("erin", "There is nothing here"),
    ] {
        let window = stage.signed_in(name);
        window.visit(&run_page(&run));
        window.does_not_see("Take back what this run did");
        // Nor is there a page that asks.
        window.visit(&format!("{}/rollback", run_page(&run)));
        assert!(!window.has_button("Take it back"), "{name}");
        window.visit("/inbox");
        forge(&window, &format!("{}/rollback", run_page(&run)), &[("reason", "trust me")]);
        window.see(says);
        assert_eq!(status(&stage), "paused", "{name}");
    }
    assert_eq!(stage.desk.effects("customer.status_put_back"), 0);
}
