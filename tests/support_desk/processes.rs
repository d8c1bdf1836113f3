//! Several processes on one data folder, and processes that die.

use std::thread;

use serde_json::{Value, json};

use crate::harness::{Desk, Stdio, call, mcp, refund_arguments, refusal_code, structured};

fn as_person(desk: &Desk, name: &str) -> Stdio {
    Stdio::start(desk.command(&["serve", "--stdio", "--as", name]))
}

fn refund(order: &str, amount: i64) -> Value {
    json!({"order_id": order, "amount_cents": amount, "reason": "goodwill"})
}

#[test]
fn a_decision_made_by_one_process_is_seen_by_the_others() {
    let desk = Desk::new();
    let (mut first, mut second) = (as_person(&desk, "alice"), as_person(&desk, "alice"));
    let asked = first.result(&call(1, "request_refund", refund_arguments()));
    let id = structured(&asked)["approval_id"].as_str().unwrap().to_owned();
    let same = second.result(&call(1, "request_refund", refund_arguments()));
    assert_eq!(structured(&same)["approval_id"], json!(id), "one call, one request");
    desk.approve(&id, "bob");
    let paid = second.result(&call(2, "request_refund", refund_arguments()));
    assert_eq!(structured(&paid)["status"], json!("refunded"));
    let repeated = first.result(&call(2, "request_refund", refund_arguments()));
    assert_eq!(structured(&repeated), structured(&paid));
    assert_eq!(desk.effects("refund.paid"), 1);
    drop((first, second));
    desk.audit_holds();
}

#[test]
fn an_approval_runs_once_when_processes_race_for_it() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let message = call(1, "request_refund", refund("ord_5001", 100));
    let asked = mcp(&alice, &message).send(server.address).result();
    desk.approve(structured(&asked)["approval_id"].as_str().unwrap(), "bob");
    let mut locals: Vec<Stdio> = (0..3).map(|_| as_person(&desk, "alice")).collect();
    thread::scope(|scope| {
        for local in &mut locals {
            let message = &message;
            scope.spawn(move || local.result(message));
        }
        for _ in 0..6 {
            let (message, alice, address) = (&message, &alice, server.address);
            scope.spawn(move || mcp(alice, message).send(address).result());
        }
    });
    assert_eq!(desk.effects("refund.paid"), 1);
    let repeated = mcp(&alice, &message).send(server.address).result();
    assert_eq!(structured(&repeated)["status"], json!("refunded"));
    drop(locals);
    desk.audit_holds();
}

#[test]
fn many_calls_from_many_processes_leave_one_whole_audit() {
    let desk = Desk::new();
    let mut locals: Vec<Stdio> = ["alice", "bob", "dave"].map(|name| as_person(&desk, name)).into();
    for local in &mut locals {
        local.result(&crate::harness::rpc(1, "tools/list", json!({})));
    }
    thread::scope(|scope| {
        for (index, local) in locals.iter_mut().enumerate() {
            let customer = if index == 2 { "cus_2001" } else { "cus_1001" };
            scope.spawn(move || {
                for id in 0..25 {
                    let draft = json!({
                        "customer_id": customer, "subject": format!("number {id}"), "body": "text",
                        "priority": "low",
                    });
                    let kept = local.result(&call(id, "create_support_ticket_draft", draft));
                    assert!(structured(&kept)["draft_id"].is_string(), "{kept:#}");
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..3 {
                desk.audit_holds();
            }
        });
    });
    assert_eq!(desk.effects("ticket.drafted"), 75);
    drop(locals);
    desk.audit_holds();
}

#[test]
fn a_killed_server_leaves_a_whole_audit_and_never_runs_a_call_twice() {
    let desk = Desk::new();
    let alice = desk.token("alice");
    let mut orders = Vec::new();
    let mut server = desk.serve();
    for number in 0..8 {
        let arguments = refund(&format!("ord_{}", 5020 + number), 100);
        let asked = mcp(&alice, &call(1, "request_refund", arguments.clone()))
            .send(server.address)
            .result();
        desk.approve(structured(&asked)["approval_id"].as_str().unwrap(), "bob");
        orders.push(arguments);
    }
    // All of them at once, and in the middle of it `kill -9`.
    let address = server.address;
    thread::scope(|scope| {
        for arguments in &orders {
            let alice = &alice;
            scope.spawn(move || {
                // The connection may break: that is the point.
                drop(std::panic::catch_unwind(|| {
                    mcp(alice, &call(2, "request_refund", arguments.clone())).send(address)
                }));
            });
        }
        thread::sleep(std::time::Duration::from_millis(15));
        server.kill();
    });
    desk.audit_holds();
    let server = desk.serve();
    let mut done = 0;
    for arguments in &orders {
        let answer = mcp(&alice, &call(3, "request_refund", arguments.clone()))
            .send(server.address)
            .result();
        if answer["isError"] == json!(true) {
            // Begun, and nobody knows: a person has to look. Never a silent second try.
            assert!(matches!(refusal_code(&answer), "in_doubt" | "in_progress"), "{answer:#}");
            assert_eq!(structured(&answer)["executed"], json!("unknown"), "{answer:#}");
        } else {
            assert_eq!(structured(&answer)["status"], json!("refunded"), "{answer:#}");
            done += 1;
        }
    }
    let paid = desk.effects("refund.paid");
    assert!(paid >= done && paid <= 8, "{paid} paid, {done} answered as done");
    let desk_file = rusqlite::Connection::open(desk.data().join("support-desk.sqlite")).unwrap();
    let most: i64 = desk_file
        .query_row(
            "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM effects GROUP BY subject)",
            (),
            |row| row.get(0),
        )
        .unwrap();
    assert!(most <= 1, "an order was refunded {most} times");
    desk.audit_holds();
}

#[test]
fn a_server_that_is_told_to_end_ends_in_good_order() {
    let desk = Desk::new();
    let server = desk.serve();
    let message = call(1, "get_account_health_summary", json!({"customer_id": "cus_1001"}));
    mcp(&desk.token("alice"), &message).send(server.address).result();
    assert!(server.terminate().success());
    desk.audit_holds();
}

#[test]
fn a_waiting_request_survives_a_restart() {
    let desk = Desk::new();
    let alice = desk.token("alice");
    let mut server = desk.serve();
    let message = call(1, "request_refund", refund_arguments());
    let asked = mcp(&alice, &message).send(server.address).result();
    let id = structured(&asked)["approval_id"].as_str().unwrap().to_owned();
    server.kill();
    desk.approve(&id, "bob");
    let server = desk.serve();
    let paid = mcp(&alice, &message).send(server.address).result();
    assert_eq!(structured(&paid)["status"], json!("refunded"), "{paid:#}");
    assert_eq!(desk.effects("refund.paid"), 1);
    desk.audit_holds();
}
