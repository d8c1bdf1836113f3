//! Tasks, spoken by hand: what is in them, whose they are, and that they outlive the server.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{
    Desk, INBOX, PATIENCE, Request, Server, Stdio, declaring, mcp, refund_arguments, refusal_code,
    rpc, structured,
};

const NOBODYS: &str = "apr_00000000000000000000000000000000";

pub(crate) fn tasks() -> Value {
    json!({"extensions": {"io.modelcontextprotocol/tasks": {}}})
}

/// A message of a client that waits for tasks.
fn message(method: &str, params: Value) -> Value {
    declaring(&tasks(), 7, method, params)
}

fn refund() -> Value {
    message("tools/call", json!({"name": "request_refund", "arguments": refund_arguments()}))
}

fn about(method: &str, id: &str) -> Value {
    message(method, json!({"taskId": id, "inputResponses": {}}))
}

fn send(server: &Server, token: &str, message: &Value) -> Value {
    mcp(token, message).send(server.address).message()
}

/// Asks for the usual refund and returns the task's id.
#[track_caller]
fn begun(server: &Server, token: &str) -> String {
    let answer = send(server, token, &refund());
    assert_eq!(answer["result"]["resultType"], "task", "{answer:#}");
    answer["result"]["taskId"].as_str().unwrap().to_owned()
}

#[track_caller]
pub(crate) fn look(server: &Server, token: &str, id: &str) -> Value {
    let answer = send(server, token, &about("tasks/get", id));
    answer.get("result").unwrap_or_else(|| panic!("{answer:#}")).clone()
}

/// Looks until the task is over; its result.
#[track_caller]
pub(crate) fn over(server: &Server, token: &str, id: &str) -> Value {
    let since = Instant::now();
    loop {
        let task = look(server, token, id);
        if task["status"] != "working" {
            assert_eq!(task["status"], "completed", "{task:#}");
            return task["result"].clone();
        }
        assert!(since.elapsed() < PATIENCE, "it is never over: {task:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[track_caller]
fn until(what: &str, happened: impl Fn() -> bool) {
    let since = Instant::now();
    while !happened() {
        assert!(since.elapsed() < PATIENCE, "{what} never happened");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_a_task(result: &Value) -> String {
    let id = result["taskId"].as_str().unwrap();
    assert_eq!(result["resultType"], "task", "{result:#}");
    assert_eq!(result["status"], "working", "{result:#}");
    // As long as people have, a day, and as long as an answer repeats, another.
    assert_eq!(result["ttlMs"], json!(2 * 24 * 60 * 60 * 1000), "{result:#}");
    let poll = result["pollIntervalMs"].as_u64().unwrap();
    assert!((250..=500).contains(&poll), "{result:#}");
    let says = result["statusMessage"].as_str().unwrap();
    assert!(says.starts_with("NOT EXECUTED"), "{says}");
    assert!(says.contains(&format!("{INBOX}/inbox/requests/{id}")), "{says}");
    assert!(result.get("content").is_none() && result.get("isError").is_none(), "{result:#}");
    id.to_owned()
}

#[test]
fn a_call_that_waits_for_people_is_a_task_the_short_way_and_through_the_sdk() {
    let desk = Desk::new();
    let server = desk.serve_with_inbox();
    let alice = desk.token("alice");
    let id = is_a_task(&send(&server, &alice, &refund())["result"]);
    // Progress is wished for, so the SDK serves it. It is the same request, and so the same task.
    let mut with_progress = refund();
    with_progress["params"]["_meta"]["progressToken"] = json!(1);
    assert_eq!(is_a_task(&send(&server, &alice, &with_progress)["result"]), id);

    let serve = ["serve", "--stdio", "--as", "alice", "--inbox-url", INBOX];
    let mut pipes = Stdio::start(desk.command(&serve));
    // The first message opens the connection and is the SDK's; the second goes the short way.
    let mut ids = Vec::new();
    for nth in [1, 2] {
        let mut message = refund();
        message["id"] = json!(nth);
        // What alice has asked for through another client is no task of this one's.
        let elsewhere = pipes.result(&message);
        assert_eq!(refusal_code(&elsewhere), "approval_required", "{elsewhere:#}");
        assert_eq!(structured(&elsewhere)["approval_id"], json!(id));
        message["params"]["arguments"]["order_id"] = json!("ord_5010");
        message["id"] = json!(nth + 10);
        ids.push(is_a_task(&pipes.result(&message)));
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], id);
}

#[test]
fn who_declares_no_tasks_gets_none_and_is_told_what_to_declare() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let call =
        rpc(1, "tools/call", json!({"name": "request_refund", "arguments": refund_arguments()}));
    let plain = send(&server, &alice, &call)["result"].clone();
    assert_eq!(refusal_code(&plain), "approval_required");
    let id = structured(&plain)["approval_id"].as_str().unwrap();
    let page = format!("http://{}/inbox/requests/{id}", server.address);
    assert_eq!(structured(&plain)["decide_url"], json!(page), "{plain:#}");
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let undeclared = rpc(1, method, json!({"taskId": id, "inputResponses": {}}));
        let error = send(&server, &alice, &undeclared)["error"].clone();
        assert_eq!(error["code"], json!(-32021), "{method}: {error:#}");
    }
    // Nothing about tasks is offered where nobody is ever asked.
    let discovered = send(&server, &alice, &message("server/discover", json!({})));
    let offered = &discovered["result"]["capabilities"]["extensions"];
    assert_eq!(offered, &json!({"io.modelcontextprotocol/tasks": {}}), "{discovered:#}");
    // The request of a call that waited for no task is one for whoever asks about it with what it takes.
    assert_eq!(look(&server, &alice, id)["status"], "working");
}

#[test]
fn a_session_of_before_2026_gets_no_task_whatever_its_client_declares() {
    let desk = Desk::new();
    let mut session = Stdio::start(desk.command(&["serve", "--stdio", "--as", "alice"]));
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": tasks(),
        "clientInfo": {"name": "by hand", "version": "1"},
    }});
    session.result(&hello);
    session.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    // The second goes the short way, and one that wishes for progress through the SDK.
    for (id, meta) in [(1, json!({})), (2, json!({})), (3, json!({"progressToken": 3}))] {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
            "name": "request_refund", "arguments": refund_arguments(), "_meta": meta}});
        let result = session.result(&call);
        assert_eq!(refusal_code(&result), "approval_required", "{id}: {result:#}");
        assert!(result.get("taskId").is_none() && result.get("resultType").is_none(), "{result:#}");
    }
}

#[test]
fn b26_anothers_task_answers_exactly_as_one_that_is_not_there() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let id = begun(&server, &alice);
    let others = ["bob", "carol", "mallory", "dave", "erin"].map(|name| desk.token(name));
    let serve = ["serve", "--stdio", "--as", "alice"];
    let mut another_client = Stdio::start(desk.command(&serve));
    drop(another_client.ask(&message("tools/list", json!({}))));
    let none = send(&server, &alice, &about("tasks/get", NOBODYS))["error"].clone();
    assert_eq!(none, json!({"code": -32602, "message": "unknown task"}));
    for decided in [false, true] {
        if decided {
            desk.run(&["approvals", "deny", &id, "--as", "bob"]).succeeded();
        }
        for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
            for token in &others {
                assert_eq!(send(&server, token, &about(method, &id))["error"], none, "{method}");
                assert_eq!(
                    send(&server, token, &about(method, NOBODYS))["error"],
                    none,
                    "{method}"
                );
            }
            let answer = another_client.ask(&about(method, &id));
            assert_eq!(answer["error"], none, "{method}, another client of alice's");
            for hostile in ["*", "apr_", "latest", "../apr_0", &id.to_uppercase(), &id[4..]] {
                let answer = send(&server, &alice, &about(method, hostile));
                assert_eq!(answer["error"], none, "{method} {hostile:?}");
            }
        }
    }
    // Nobody has touched it.
    assert_eq!(refusal_code(&over(&server, &alice, &id)), "approval_denied");
    // Without a token there is not even that.
    let anonymous = Request::new("POST", "/mcp").body(about("tasks/get", &id).to_string());
    assert_eq!(anonymous.send(server.address).status, 401);
    desk.audit_holds();
}

#[test]
fn b37_what_a_client_hands_in_is_taken_note_of_and_decides_nothing() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let id = begun(&server, &alice);
    for answer in [
        json!({"approval": {"action": "accept", "content": {"approved": true}}}),
        json!({"approval": {"action": "decline"}}),
        json!({"decision": {"verdict": "approve", "person": "bob"}}),
        json!({}),
    ] {
        let update = message("tasks/update", json!({"taskId": id, "inputResponses": answer}));
        assert_eq!(send(&server, &alice, &update)["result"]["resultType"], "complete");
        let task = look(&server, &alice, &id);
        assert_eq!(task["status"], "working", "{task:#}");
        assert!(task.get("inputRequests").is_none(), "a task of ours asks its client nothing");
    }
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(desk.effects("refund.paid"), 0);
    desk.approve(&id, "bob");
    assert_eq!(structured(&over(&server, &alice, &id))["status"], "refunded");
}

#[test]
fn a_task_that_is_taken_back_is_cancelled_and_can_not_be_decided() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let id = begun(&server, &alice);
    for _ in 0..2 {
        let answer = send(&server, &alice, &about("tasks/cancel", &id));
        assert_eq!(answer["result"], json!({"resultType": "complete"}), "{answer:#}");
        assert_eq!(look(&server, &alice, &id)["status"], "cancelled");
    }
    desk.run(&["approvals", "approve", &id, "--as", "bob"]).exited_with(1);
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(desk.effects("refund.paid"), 0);
    assert_eq!(look(&server, &alice, &id)["status"], "cancelled");
    desk.audit_holds();
    // Asking anew is a new task.
    assert_ne!(begun(&server, &alice), id);
}

#[test]
fn b06_a_task_outlives_the_server_and_goes_on_by_itself_when_it_is_back() {
    let desk = Desk::new();
    let mut server = desk.serve();
    let alice = desk.token("alice");
    let id = begun(&server, &alice);
    server.kill();
    // Decided while nobody serves.
    desk.approve(&id, "bob");
    assert_eq!(desk.effects("refund.paid"), 0, "a decision runs nothing by itself");
    let server = desk.serve();
    until("the refund", || desk.effects("refund.paid") == 1);
    let first = over(&server, &alice, &id);
    assert_eq!(structured(&first)["status"], "refunded");
    // And again, with the very same answer.
    drop(server);
    let server = desk.serve();
    assert_eq!(structured(&over(&server, &alice, &id)), structured(&first));
    assert_eq!(desk.effects("refund.paid"), 1);
    desk.effects_are_on_record();
    desk.audit_holds();
}

#[test]
fn several_servers_on_one_folder_see_one_task_and_run_it_once() {
    let desk = Desk::new();
    let servers = [desk.serve(), desk.serve(), desk.serve()];
    let alice = desk.token("alice");
    for round in 1..=5 {
        let mut arguments = refund_arguments();
        arguments["order_id"] = json!(format!("ord_{}", 5010 + round));
        arguments["amount_cents"] = json!(1_500);
        let call = message("tools/call", json!({"name": "request_refund", "arguments": arguments}));
        let begun = send(&servers[0], &alice, &call)["result"].clone();
        let id = begun["taskId"].as_str().unwrap();
        desk.approve(id, "bob");
        let receipts = [2, 1, 0].map(|nth| over(&servers[nth], &alice, id));
        for receipt in &receipts {
            assert_eq!(structured(receipt)["status"], "refunded", "{receipt:#}");
            assert_eq!(structured(receipt), structured(&receipts[0]));
        }
        assert_eq!(desk.effects("refund.paid"), round);
    }
    desk.effects_are_on_record();
    desk.audit_holds();
}

#[test]
fn b29_a_task_whose_run_is_cut_off_is_in_doubt_and_says_that_nobody_knows() {
    let desk = Desk::new();
    let mut server = desk.serve();
    let alice = desk.token("alice");
    let id = begun(&server, &alice);
    // As if the process had died in the middle: approved, begun, and never heard of again.
    server.kill();
    desk.approve(&id, "bob");
    let store = rusqlite::Connection::open(desk.data().join("mcp-secure.sqlite")).unwrap();
    store
        .execute(
            "UPDATE approvals SET state = 'in_doubt', detail = json_object('state', 'in_doubt', 'run',
                'run_00000000000000000000000000000001', 'at', created, 'why', 'the process is gone') WHERE id = ?1",
            [&id],
        )
        .unwrap();
    let server = desk.serve();
    let result = over(&server, &alice, &id);
    assert_eq!(refusal_code(&result), "in_doubt");
    assert_eq!(structured(&result)["executed"], json!("unknown"));
    let words = result["content"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap();
    assert!(words.starts_with("OUTCOME UNKNOWN"), "{words}");
    assert_eq!(desk.effects("refund.paid"), 0, "it is never tried again by itself");
}
