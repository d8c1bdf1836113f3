//! The same call made again: by a client that lost the answer, by a colleague, with other arguments.

use serde_json::{Value, json};

use crate::harness::{Desk, Server, Stdio, call, mcp, refund_arguments, refusal_code, structured};

fn is_replayed(result: &Value) -> bool {
    result["_meta"]["mcp-secure/replayed"] == json!(true)
}

fn draft(subject: &str) -> Value {
    json!({"customer_id": "cus_1001", "subject": subject, "body": "text", "priority": "low"})
}

/// Drafts a ticket under a key of the client's.
fn draft_as(server: &Server, token: &str, key: &str, subject: &str) -> Value {
    let mut message = call(1, "create_support_ticket_draft", draft(subject));
    message["params"]["_meta"]["mcp-secure/idempotency_key"] = json!(key);
    mcp(token, &message).send(server.address).result()
}

#[test]
fn a_repeated_refund_is_replayed_with_a_marker_and_pays_once() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let refund = refund_arguments();
    let paid = server.approved(&desk, &alice, "bob", ("request_refund", &refund));
    assert_eq!(structured(&paid)["status"], json!("refunded"), "{paid:#}");
    assert!(!is_replayed(&paid), "{paid:#}");
    for _ in 0..3 {
        let again = server.ask(&alice, "request_refund", &refund);
        assert!(is_replayed(&again), "{again:#}");
        assert_eq!(structured(&again), structured(&paid));
    }
    assert_eq!(desk.effects("refund.paid"), 1);
    drop(server);
    // The answer outlives the process.
    let server = desk.serve();
    let again = server.ask(&alice, "request_refund", &refund);
    assert!(is_replayed(&again) && structured(&again) == structured(&paid), "{again:#}");
    assert_eq!(desk.effects("refund.paid"), 1);
    desk.effects_are_on_record();
    desk.audit_holds();
}

#[test]
fn an_order_that_was_refunded_is_nobodys_to_refund_again_and_a_colleague_sees_no_receipt() {
    let desk = Desk::new();
    let server = desk.serve();
    let (alice, carol) = (desk.token("alice"), desk.token("carol"));
    let refund =
        |amount: i64| json!({"order_id": "ord_5001", "amount_cents": amount, "reason": "damaged"});
    let paid = server.approved(&desk, &alice, "bob", ("request_refund", &refund(100)));
    let receipt = structured(&paid)["refund_id"].as_str().unwrap().to_owned();
    for (who, token, amount) in
        [("carol", &carol, 100), ("carol", &carol, 99), ("alice", &alice, 99)]
    {
        let refused = server.ask(token, "request_refund", &refund(amount));
        assert_eq!(refusal_code(&refused), "idempotency_conflict", "{who}, {amount}: {refused:#}");
        assert!(structured(&refused).get("approval_id").is_none(), "{refused:#}");
        assert!(!refused.to_string().contains(&receipt), "{refused:#}");
    }
    // Another order is another matter.
    let other = json!({"order_id": "ord_5002", "amount_cents": 100, "reason": "damaged"});
    assert_eq!(refusal_code(&server.ask(&carol, "request_refund", &other)), "approval_required");
    assert_eq!(desk.effects("refund.paid"), 1);
}

#[test]
fn a_client_chooses_the_key_of_a_draft_or_all_arguments_are_it() {
    let desk = Desk::new();
    let server = desk.serve();
    let (alice, bob) = (desk.token("alice"), desk.token("bob"));
    let first = draft_as(&server, &alice, "monday-1", "invoice");
    assert!(!is_replayed(&first), "{first:#}");
    let again = draft_as(&server, &alice, "monday-1", "invoice");
    assert!(is_replayed(&again) && structured(&again) == structured(&first), "{again:#}");
    let other = draft_as(&server, &alice, "monday-1", "another matter");
    assert_eq!(refusal_code(&other), "idempotency_conflict");
    // A key is its owner's: Bob's is another one.
    assert!(!is_replayed(&draft_as(&server, &bob, "monday-1", "another matter")));
    assert_eq!(desk.effects("ticket.drafted"), 2);

    // Without a key the same words are the same call, and other words another.
    let plain = |subject: &str| server.ask(&alice, "create_support_ticket_draft", &draft(subject));
    assert!(!is_replayed(&plain("call back")));
    assert!(is_replayed(&plain("call back")));
    assert!(!is_replayed(&plain("call back soon")));
    assert_eq!(desk.effects("ticket.drafted"), 4);

    // A key where the tool makes its own, and a misspelt wish, are refused before anything runs.
    for (tool, arguments, name) in [
        ("request_refund", refund_arguments(), "mcp-secure/idempotency_key"),
        ("create_support_ticket_draft", draft("x"), "mcp-secure/idempotencykey"),
    ] {
        let mut message = call(1, tool, arguments);
        message["params"]["_meta"][name] = json!("monday-1");
        let refused = mcp(&alice, &message).send(server.address).result();
        assert_eq!(refusal_code(&refused), "invalid_arguments", "{refused:#}");
    }
    desk.effects_are_on_record();
}

#[test]
fn a_draft_made_through_one_process_is_repeated_by_another() {
    let desk = Desk::new();
    let mut processes: Vec<Stdio> = (0..3)
        .map(|_| Stdio::start(desk.command(&["serve", "--stdio", "--as", "alice"])))
        .collect();
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let calls: Vec<_> = processes
            .iter_mut()
            .map(|process| {
                scope.spawn(|| {
                    process.result(&call(1, "create_support_ticket_draft", draft("invoice")))
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    // Whoever was second while the first one ran was told to come back.
    let done: Vec<&Value> = answers.iter().filter(|a| a["isError"] != json!(true)).collect();
    assert!(!done.is_empty(), "{answers:#?}");
    for answer in answers.iter().filter(|a| a["isError"] == json!(true)) {
        assert_eq!(refusal_code(answer), "in_progress", "{answer:#}");
    }
    for process in &mut processes {
        let again = process.result(&call(2, "create_support_ticket_draft", draft("invoice")));
        assert!(is_replayed(&again) && structured(&again) == structured(done[0]), "{again:#}");
    }
    assert_eq!(desk.effects("ticket.drafted"), 1);
    drop(processes);
    desk.effects_are_on_record();
}
