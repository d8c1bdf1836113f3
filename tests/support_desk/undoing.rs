//! Looking before, and taking back after.

use serde_json::{Value, json};

use crate::harness::{Desk, refund_arguments, refusal_code, structured};

fn change(to: &str) -> Value {
    json!({"customer_id": "cus_1001", "proposed_status": to, "reason": "asked for it"})
}

fn status(desk: &Desk) -> String {
    let file = rusqlite::Connection::open(desk.data().join("support-desk.sqlite")).unwrap();
    file.query_row("SELECT status FROM customers WHERE id = 'cus_1001'", (), |row| row.get(0))
        .unwrap()
}

/// The id of the one run that is done and somebody may see.
#[track_caller]
fn the_run(desk: &Desk, by: &str) -> String {
    let runs = desk.runs(by, "done");
    assert_eq!(runs.len(), 1, "{runs:#?}");
    runs[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_dry_run_of_a_status_change_shows_from_and_to_and_changes_nothing() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let mut wish = change("paused");
    wish["dry_run"] = json!(true);
    let shown = server.ask(&alice, "request_customer_status_change", &wish);
    assert_ne!(shown["isError"], json!(true), "{shown:#}");
    assert_eq!(
        structured(&shown),
        &json!({"customer_id": "cus_1001", "from": "active", "to": "paused"})
    );
    assert_eq!(shown["_meta"]["mcp-secure/dry_run"], json!(true), "{shown:#}");
    // What could not be done is said now, and nobody is asked for it.
    let mut nothing = change("active");
    for dry_run in [Some(true), None] {
        match dry_run {
            Some(wish) => nothing["dry_run"] = json!(wish),
            None => drop(nothing.as_object_mut().unwrap().remove("dry_run")),
        }
        let refused = server.ask(&alice, "request_customer_status_change", &nothing);
        assert_eq!(refusal_code(&refused), "tool_failed", "{refused:#}");
        assert_eq!(structured(&refused)["executed"], json!(false), "{refused:#}");
    }
    assert_eq!(
        desk.run(&["approvals", "list", "--as", "bob", "--format", "json"]).json(),
        json!([])
    );
    assert_eq!((status(&desk).as_str(), desk.effects("customer.status_changed")), ("active", 0));
    desk.effects_are_on_record();
}

#[test]
fn a_status_change_is_shown_approved_made_and_rolled_back_once_by_a_lead() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let asked = server.ask(&alice, "request_customer_status_change", &change("paused"));
    let id = structured(&asked)["approval_id"].as_str().unwrap();
    let page = desk.run(&["approvals", "show", id, "--as", "bob", "--format", "json"]).json();
    let from_to = [r#""from":"active""#, r#""to":"paused""#];
    assert!(from_to.iter().all(|said| page.to_string().contains(said)), "{page:#}");
    desk.approve(id, "carol");
    let made = server.ask(&alice, "request_customer_status_change", &change("paused"));
    assert_eq!(structured(&made)["to"], json!("paused"), "{made:#}");
    assert_eq!(status(&desk), "paused");

    let run = the_run(&desk, "bob");
    // Neither who asked, nor a stranger, nor another tenant's lead.
    for name in ["alice", "mallory", "dave", "erin"] {
        desk.run(&["runs", "rollback", &run, "--as", name]).exited_with(1);
    }
    assert!(desk.runs("erin", "done").is_empty() && status(&desk) == "paused");
    desk.run(&["runs", "rollback", &run, "--as", "bob", "--reason", "a misunderstanding"])
        .succeeded();
    assert_eq!(status(&desk), "active");
    for name in ["bob", "carol"] {
        let again = desk.run(&["runs", "rollback", &run, "--as", name]);
        again.exited_with(1);
        assert!(again.stderr.contains("not_rolled_back"), "{again:#?}");
    }
    assert_eq!(desk.effects("customer.status_put_back"), 1);
    // What took it back is a run too, and can not be taken back itself.
    let runs = desk.runs("bob", "done");
    let undo = runs.iter().find(|one| one["compensates"] == json!(run)).unwrap();
    desk.run(&["runs", "rollback", undo["id"].as_str().unwrap(), "--as", "bob"]).exited_with(1);
    assert_eq!(status(&desk), "active");
    desk.effects_are_on_record();
    desk.audit_holds();
}

#[test]
fn a_change_that_was_changed_again_does_not_go_back() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let tool = "request_customer_status_change";
    server.approved(&desk, &alice, "bob", (tool, &change("paused")));
    let run = the_run(&desk, "bob");
    server.approved(&desk, &alice, "bob", (tool, &change("closed")));
    let refused = desk.run(&["runs", "rollback", &run, "--as", "bob"]);
    refused.exited_with(1);
    assert!(refused.stderr.contains("changed again since"), "{refused:#?}");
    assert_eq!(status(&desk), "closed");
    desk.effects_are_on_record();
}

#[test]
fn a_refund_is_cancelled_by_its_rollback_alone_and_once() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    server.approved(&desk, &alice, "bob", ("request_refund", &refund_arguments()));
    let run = the_run(&desk, "carol");
    desk.run(&["runs", "rollback", &run, "--as", "alice"]).exited_with(1);
    // At once, by two leads: one of them takes it back.
    let ended: Vec<bool> = std::thread::scope(|scope| {
        let calls: Vec<_> = ["bob", "carol"]
            .map(|name| scope.spawn(|| desk.run(&["runs", "rollback", &run, "--as", name])))
            .into();
        calls.into_iter().map(|call| call.join().unwrap().status.success()).collect()
    });
    assert_eq!(ended.iter().filter(|ok| **ok).count(), 1, "{ended:?}");
    let file = rusqlite::Connection::open(desk.data().join("support-desk.sqlite")).unwrap();
    let row: String = file.query_row("SELECT status FROM refunds", (), |row| row.get(0)).unwrap();
    assert_eq!(row, "cancelled");
    assert_eq!((desk.effects("refund.paid"), desk.effects("refund.cancelled")), (1, 1));
    // It was asked for and done; that it was taken back is no leave to pay again.
    let again = server.ask(&alice, "request_refund", &refund_arguments());
    assert_eq!(again["_meta"]["mcp-secure/replayed"], json!(true), "{again:#}");
    assert_eq!(desk.effects("refund.paid"), 1);
    desk.effects_are_on_record();
    desk.audit_holds();
}
