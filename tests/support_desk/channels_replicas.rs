//! The channels where they matter most: two servers with a folder each, on one PostgreSQL, of which one is killed.

use std::time::{Duration, Instant};

use mcp_secure_test_postgres::Server as Postgres;
use serde_json::{Value, json};

use crate::channels_tasks::{look, over, tasks};
use crate::harness::{
    Desk, INBOX, PATIENCE, Server, Stdio, declaring, mcp, refusal_code, structured,
};

/// Two machines that serve one desk. What is done is counted for both together.
struct Replicas {
    first: Desk,
    second: Desk,
}

impl Replicas {
    fn new() -> Self {
        let postgres = Postgres::shared();
        let first = Desk::on_store(postgres.url(&postgres.database()));
        drop(first.serve());
        let second = first.replica();
        Self { second, first }
    }

    fn paid(&self) -> i64 {
        self.first.effects("refund.paid")
    }

    /// Each effect is on record at one of the two, and neither part was tampered with.
    fn hold(&self) {
        let done = |desk: &Desk| {
            let records = desk.records(&["--outcome", "outcome"]);
            records.iter().filter(|record| record["outcome"]["code"] == "ok").count()
        };
        let effects = usize::try_from(self.paid()).unwrap();
        assert_eq!(done(&self.first) + done(&self.second), effects);
        self.first.audit_holds();
        self.second.audit_holds();
    }
}

fn refund(order: u32) -> Value {
    json!({"name": "request_refund", "arguments": {
        "order_id": format!("ord_{order}"), "amount_cents": 1_500, "reason": "damaged"}})
}

fn send(server: &Server, token: &str, capabilities: &Value, method: &str, params: Value) -> Value {
    let answer = mcp(token, &declaring(capabilities, 7, method, params)).send(server.address);
    answer.message()
}

fn links() -> Value {
    json!({"elicitation": {"url": {}}})
}

#[test]
fn b06_b26_on_a_database_a_task_is_resolved_by_another_server_and_after_a_restart_of_the_first() {
    let desks = Replicas::new();
    let mut first = desks.first.serve_with_inbox();
    let (alice, bob) = (desks.first.token("alice"), desks.first.token("bob"));
    let mut ids = Vec::new();
    for order in [5010, 5011, 5012] {
        let asked = send(&first, &alice, &tasks(), "tools/call", refund(order));
        assert_eq!(asked["result"]["resultType"], "task", "{asked:#}");
        ids.push(asked["result"]["taskId"].as_str().unwrap().to_owned());
    }
    first.kill();
    // Decided on the other machine, while nobody serves: a decision runs nothing by itself.
    desks.second.approve(&ids[0], "bob");
    desks.second.run(&["approvals", "deny", &ids[1], "--as", "bob"]).succeeded();
    assert_eq!(desks.paid(), 0);
    // The other server goes on with what was asked of the first, by itself.
    let second = desks.second.serve_with_inbox();
    let since = Instant::now();
    while desks.paid() == 0 {
        assert!(since.elapsed() < PATIENCE, "nobody goes on with it");
        std::thread::sleep(Duration::from_millis(20));
    }
    let receipt = over(&second, &alice, &ids[0]);
    assert_eq!(structured(&receipt)["order_id"], json!("ord_5010"));
    assert_eq!(refusal_code(&over(&second, &alice, &ids[1])), "approval_denied");
    assert_eq!(look(&second, &alice, &ids[2])["status"], "working");
    // The first one is back, and tells the same.
    let first = desks.first.serve_with_inbox();
    assert_eq!(structured(&over(&first, &alice, &ids[0])), structured(&receipt));
    assert_eq!(refusal_code(&over(&first, &alice, &ids[1])), "approval_denied");
    // Both at once, and another lead's decision: once.
    desks.first.approve(&ids[2], "carol");
    let [one, other] = [&first, &second].map(|server| over(server, &alice, &ids[2]));
    assert_eq!(structured(&one), structured(&other));
    assert_eq!(structured(&one)["order_id"], json!("ord_5012"));
    assert_eq!(desks.paid(), 2);
    // It is nobody else's at either.
    for (server, id) in [(&first, &ids[0]), (&second, &ids[2])] {
        let answer = send(server, &bob, &tasks(), "tasks/get", json!({"taskId": id}));
        assert_eq!(answer["error"], json!({"code": -32602, "message": "unknown task"}));
    }
    desks.hold();
}

#[test]
fn b08_on_a_database_a_state_holds_at_another_server_with_the_same_key_and_at_no_other() {
    let desks = Replicas::new();
    let mut first = desks.first.serve_with_inbox();
    let alice = desks.first.token("alice");
    let asked = send(&first, &alice, &links(), "tools/call", refund(5010))["result"].clone();
    assert_eq!(asked["resultType"], "input_required", "{asked:#}");
    let mut back = refund(5010);
    back["requestState"] = asked["requestState"].clone();
    back["inputResponses"] = json!({"approval": {"action": "accept"}});
    let id = asked["inputRequests"]["approval"]["params"]["elicitationId"].as_str().unwrap();
    first.kill();
    let second = desks.second.serve_with_inbox();
    let waits = send(&second, &alice, &links(), "tools/call", back.clone())["result"].clone();
    assert_eq!(refusal_code(&waits), "approval_required", "{waits:#}");
    assert_eq!(structured(&waits)["approval_id"], json!(id));

    // A third machine on the database that was not given the key of the others.
    let third = desks.first.replica();
    std::fs::remove_file(third.data().join("audit.key")).unwrap();
    let without = third.serve_with_inbox();
    desks.second.approve(id, "bob");
    let refused = send(&without, &alice, &links(), "tools/call", back.clone())["result"].clone();
    assert_eq!(refusal_code(&refused), "invalid_arguments", "{refused:#}");
    assert_eq!(desks.paid(), 0);
    // Nor for another order, where the key is.
    let mut other = back.clone();
    other["arguments"]["order_id"] = json!("ord_5011");
    let refused = send(&second, &alice, &links(), "tools/call", other)["result"].clone();
    assert_eq!(refusal_code(&refused), "invalid_arguments", "{refused:#}");

    let paid = send(&second, &alice, &links(), "tools/call", back.clone())["result"].clone();
    assert_eq!(structured(&paid)["status"], json!("refunded"), "{paid:#}");
    let first = desks.first.serve_with_inbox();
    let again = send(&first, &alice, &links(), "tools/call", back)["result"].clone();
    assert_eq!(structured(&again), structured(&paid));
    assert_eq!(desks.paid(), 1);
    desks.hold();
}

#[test]
fn b03_on_a_database_a_plain_call_is_picked_up_at_another_server_and_carried_out_once() {
    let desks = Replicas::new();
    let mut first = desks.first.serve_with_inbox();
    let second = desks.second.serve_with_inbox();
    let alice = desks.first.token("alice");
    let ask = |server: &Server, order: u32| {
        send(server, &alice, &json!({}), "tools/call", refund(order))["result"].clone()
    };
    let asked = ask(&first, 5010);
    assert_eq!(refusal_code(&asked), "approval_required", "{asked:#}");
    let same = ask(&second, 5010);
    assert_eq!(structured(&same)["approval_id"], structured(&asked)["approval_id"]);
    desks.first.approve(structured(&asked)["approval_id"].as_str().unwrap(), "bob");
    // The server that was asked is gone.
    first.kill();
    let paid = ask(&second, 5010);
    assert_eq!(structured(&paid)["status"], json!("refunded"), "{paid:#}");
    let first = desks.first.serve_with_inbox();
    assert_eq!(structured(&ask(&first, 5010)), structured(&paid));

    // Approved, and picked up at both at once.
    let asked = ask(&first, 5011);
    desks.second.approve(structured(&asked)["approval_id"].as_str().unwrap(), "bob");
    std::thread::scope(|scope| {
        for server in [&first, &second, &first, &second] {
            scope.spawn(|| ask(server, 5011));
        }
    });
    assert_eq!(structured(&ask(&second, 5011))["order_id"], json!("ord_5011"));
    assert_eq!(desks.paid(), 2);
    desks.hold();
}

#[test]
fn on_a_database_a_session_is_told_of_a_decision_that_another_machine_has_heard() {
    let desks = Replicas::new();
    let serve = ["serve", "--stdio", "--as", "alice", "--inbox-url", INBOX];
    let mut session = Stdio::start(desks.first.command(&serve));
    let hello = json!({"jsonrpc": "2.0", "id": 1000, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": links(),
        "clientInfo": {"name": "by hand", "version": "1"},
    }});
    session.result(&hello);
    session.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let call = |id: u64| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": refund(5010)});
    session.send(call(1001).to_string().as_bytes());
    let asked = session.next();
    assert_eq!(asked["method"], "elicitation/create", "{asked:#}");
    let id = asked["params"]["elicitationId"].as_str().unwrap().to_owned();
    let accepts = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept"}});
    session.send(accepts.to_string().as_bytes());
    assert_eq!(refusal_code(&session.next()["result"]), "approval_required");
    assert_eq!(desks.paid(), 0);
    desks.second.approve(&id, "bob");
    let told = session.next();
    assert_eq!(told["method"], "notifications/elicitation/complete", "{told:#}");
    assert_eq!(told["params"], json!({"elicitationId": id}));
    assert_eq!(structured(&session.result(&call(1002)))["status"], json!("refunded"));
    assert_eq!(desks.paid(), 1);
}
