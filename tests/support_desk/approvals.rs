//! Decisions on the command line, and what they can and cannot do.

use serde_json::{Value, json};

use crate::harness::{Desk, Server, call, mcp, refund_arguments, refusal_code, structured};

fn ask(server: &Server, token: &str, tool: &str, arguments: &Value) -> Value {
    mcp(token, &call(1, tool, arguments.clone())).send(server.address).result()
}

/// Asks for the usual refund and returns the request's id.
fn requested(server: &Server, token: &str) -> String {
    let asked = ask(server, token, "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&asked), "approval_required");
    structured(&asked)["approval_id"].as_str().unwrap().to_owned()
}

#[test]
fn b01_a_denied_call_does_not_run() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let id = requested(&server, &alice);
    desk.run(&["approvals", "deny", &id, "--as", "bob", "--reason", "not damaged"]).succeeded();
    for _ in 0..2 {
        let answer = ask(&server, &alice, "request_refund", &refund_arguments());
        assert_eq!(refusal_code(&answer), "approval_denied");
        assert_eq!(structured(&answer)["executed"], json!(false));
    }
    assert_eq!(desk.effects("refund.paid"), 0);
    // Denied stays denied.
    desk.run(&["approvals", "approve", &id, "--as", "carol"]).exited_with(1);
    desk.audit_holds();
}

#[test]
fn b04_an_approval_covers_exactly_the_arguments_it_was_given_for() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let id = requested(&server, &alice);
    desk.approve(&id, "bob");
    for (key, value) in [
        ("amount_cents", json!(11_999)),
        ("reason", json!("goodwill")),
        ("order_id", json!("ord_5002")),
    ] {
        let mut other = refund_arguments();
        other[key] = value;
        let answer = ask(&server, &alice, "request_refund", &other);
        assert_eq!(refusal_code(&answer), "approval_required", "{key}");
        assert_ne!(structured(&answer)["approval_id"], json!(id), "{key}");
    }
    assert_eq!(desk.effects("refund.paid"), 0);
}

#[test]
fn an_approval_is_nobody_elses() {
    let desk = Desk::new();
    let server = desk.serve();
    let id = requested(&server, &desk.token("alice"));
    desk.approve(&id, "bob");
    // Carol may ask for refunds too, and gets a request of her own.
    let answer = ask(&server, &desk.token("carol"), "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&answer), "approval_required");
    assert_ne!(structured(&answer)["approval_id"], json!(id));
    assert_eq!(desk.effects("refund.paid"), 0);
}

#[test]
fn b30_only_another_person_with_the_permission_and_of_the_tenant_decides() {
    let desk = Desk::new();
    let server = desk.serve();
    // Bob is a lead and asks himself.
    let id = requested(&server, &desk.token("bob"));
    for name in ["bob", "alice", "mallory", "dave", "erin"] {
        let refused = desk.run(&["approvals", "approve", &id, "--as", name]);
        refused.exited_with(1);
        assert!(refused.stdout.is_empty(), "{refused:#?}");
    }
    desk.run(&["approvals", "approve", &id, "--as", "nobody"]).exited_with(1);
    let answer = ask(&server, &desk.token("bob"), "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&answer), "approval_required");
    desk.approve(&id, "carol");
    let paid = ask(&server, &desk.token("bob"), "request_refund", &refund_arguments());
    assert_eq!(structured(&paid)["status"], json!("refunded"));
    assert_eq!(desk.effects("refund.paid"), 1);
    desk.audit_holds();
}

#[test]
fn a_decision_with_the_digest_of_something_else_is_refused() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let id = requested(&server, &alice);
    let wrong = "0".repeat(64);
    desk.run(&["approvals", "approve", &id, "--as", "bob", "--digest", &wrong]).exited_with(1);
    let answer = ask(&server, &alice, "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&answer), "approval_required");
    assert_eq!(desk.effects("refund.paid"), 0);
}

#[test]
fn closing_an_account_takes_two_people_besides_who_asks() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let arguments = json!({"customer_id": "cus_1002", "reason": "the customer asked for it"});
    let asked = ask(&server, &alice, "close_account", &arguments);
    assert_eq!(refusal_code(&asked), "approval_required");
    let id = structured(&asked)["approval_id"].as_str().unwrap();
    desk.approve(id, "carol");
    // The same person a second time is still one person.
    drop(desk.run(&["approvals", "approve", id, "--as", "carol"]));
    let waiting = ask(&server, &alice, "close_account", &arguments);
    assert_eq!(refusal_code(&waiting), "approval_required");
    assert_eq!(desk.effects("account.closed"), 0);
    desk.approve(id, "bob");
    for _ in 0..2 {
        let closed = ask(&server, &alice, "close_account", &arguments);
        assert_eq!(structured(&closed), &json!({"customer_id": "cus_1002", "status": "closed"}));
    }
    assert_eq!(desk.effects("account.closed"), 1);
    desk.effects_are_on_record();
}

#[test]
fn a_large_refund_needs_a_lead_as_requester() {
    let desk = Desk::new();
    let server = desk.serve();
    let large = json!({"order_id": "ord_5003", "amount_cents": 50_001, "reason": "not_received"});
    let refused = ask(&server, &desk.token("alice"), "request_refund", &large);
    assert_eq!(refusal_code(&refused), "permission_denied");
    let asked = ask(&server, &desk.token("bob"), "request_refund", &large);
    assert_eq!(refusal_code(&asked), "approval_required");
    let mut small = large.clone();
    small["amount_cents"] = json!(50_000);
    let asked = ask(&server, &desk.token("alice"), "request_refund", &small);
    assert_eq!(refusal_code(&asked), "approval_required");
}

#[test]
fn b30_who_tries_to_take_back_what_another_asked_for_takes_nothing_and_is_on_record() {
    let desk = Desk::new();
    let server = desk.serve();
    let id = requested(&server, &desk.token("alice"));
    let nobodys = format!("apr_{}", "0".repeat(32));
    for (name, id) in [("bob", &id), ("mallory", &id), ("erin", &id), ("alice", &nobodys)] {
        let refused = desk.run(&["approvals", "withdraw", id, "--as", name]);
        assert!(refused.exited_with(1).stdout.is_empty(), "{refused:#?}");
        let tried = desk.records(&["--outcome", "approval"]);
        let of_them = |record: &&Value| {
            record["principal"]["subject"] == json!(name)
                && record["detail"] == json!({"verdict": "withdraw", "asked_for": id})
                && record["outcome"]["code"] == "not_found"
        };
        assert_eq!(tried.iter().filter(of_them).count(), 1, "{name}: {tried:#?}");
    }
    let asked = ask(&server, &desk.token("alice"), "request_refund", &refund_arguments());
    assert_eq!(structured(&asked)["approval_id"], json!(id), "it still waits");
    // What is over is not taken back, and that somebody tried is on record too.
    desk.run(&["approvals", "deny", &id, "--as", "bob"]).succeeded();
    desk.run(&["approvals", "withdraw", &id, "--as", "alice"]).exited_with(1);
    let tried = desk.records(&["--outcome", "approval"]);
    let late = |record: &&Value| {
        record["outcome"]["code"] == "too_late" && record["approval"]["id"] == json!(id)
    };
    assert_eq!(tried.iter().filter(late).count(), 1, "{tried:#?}");
    desk.audit_holds();
}
