//! The kill switch, thrown on the command line while servers run.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{
    Desk, PATIENCE, Server, Stdio, mcp, refund_arguments, refusal_code, rpc, structured,
};

const WITHIN: Duration = Duration::from_secs(1);

fn lists_refunds(server: &Server, token: &str) -> bool {
    let listed = mcp(token, &rpc(1, "tools/list", json!({}))).send(server.address).result();
    listed["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == "request_refund")
}

#[test]
fn a_tool_that_is_switched_off_is_off_in_every_server_within_a_second_and_comes_back() {
    let desk = Desk::new();
    let (server, other) = (desk.serve(), desk.serve());
    let alice = desk.token("alice");
    let ask = |server: &Server| server.ask(&alice, "request_refund", &refund_arguments());
    let id = structured(&ask(&server))["approval_id"].as_str().unwrap().to_owned();
    desk.approve(&id, "bob");

    let reason = ["--reason", "refunds go to the wrong account"];
    desk.run(&[&["switch", "off", "tool:request_refund", "--as", "bob"], &reason[..]].concat())
        .succeeded();
    thread::sleep(WITHIN);
    for server in [&server, &other] {
        // Approved or not.
        let refused = ask(server);
        assert_eq!(refusal_code(&refused), "switched_off", "{refused:#}");
        assert_eq!(structured(&refused)["executed"], json!(false), "{refused:#}");
        assert!(!lists_refunds(server, &alice));
        let read =
            server.ask(&alice, "get_account_health_summary", &json!({"customer_id": "cus_1001"}));
        assert_eq!(structured(&read)["health"], json!("good"), "the rest works");
    }
    let off = desk.run(&["switch", "list", "--as", "carol", "--format", "json"]).json();
    assert_eq!(off[0]["scope"], json!("tool:request_refund"), "{off:#}");
    assert_eq!(off[0]["by"], json!("bob"), "{off:#}");
    // A server that starts now finds it off.
    assert_eq!(refusal_code(&ask(&desk.serve())), "switched_off");
    assert_eq!(desk.effects("refund.paid"), 0);

    desk.run(&["switch", "on", "tool:request_refund", "--as", "carol"]).succeeded();
    thread::sleep(WITHIN);
    assert!(lists_refunds(&server, &alice) && lists_refunds(&other, &alice));
    assert_eq!(structured(&ask(&other))["status"], json!("refunded"), "the approval still stands");
    let records = desk.records(&["--outcome", "switch"]);
    let told = |word: &str| records.iter().filter(|r| r.to_string().contains(word)).count();
    assert!(told("bob") >= 2 && told("carol") >= 2, "{records:#?}");
    desk.audit_holds();
}

#[test]
fn a_record_that_can_not_be_written_does_not_keep_anybody_from_switching_off() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let (audit, away) = (desk.data().join("audit"), desk.data().join("audit-away"));
    std::fs::rename(&audit, &away).unwrap();
    std::fs::write(&audit, "no folder").unwrap();
    let off =
        ["switch", "off", "tool:request_refund", "--as", "bob", "--reason", "the disk is odd"];
    let pulled = desk.run(&off);
    pulled.exited_with(3);
    assert!(pulled.stderr.contains("could not record it"), "{pulled:#?}");
    thread::sleep(WITHIN);
    let refused = server.ask(&alice, "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&refused), "switched_off", "{refused:#}");
    // On again it is not, without a record.
    let on = desk.run(&["switch", "on", "tool:request_refund", "--as", "bob"]);
    assert!(!on.status.success(), "{on:#?}");
    let refused = server.ask(&alice, "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&refused), "switched_off", "{refused:#}");

    std::fs::remove_file(&audit).unwrap();
    std::fs::rename(&away, &audit).unwrap();
    // The server that saw it go off has it on record, with who and why.
    let seen = |record: &Value| {
        let text = record.to_string();
        record["outcome"]["code"] == json!("seen") && text.contains("the disk is odd")
    };
    let since = Instant::now();
    while !desk.records(&["--outcome", "switch"]).iter().any(seen) {
        assert!(since.elapsed() < PATIENCE, "{:#?}", desk.records(&["--outcome", "switch"]));
        thread::sleep(Duration::from_millis(100));
    }
    desk.run(&["switch", "on", "tool:request_refund", "--as", "bob"]).succeeded();
    // A tenant nobody knows may be a slip, and a tool nobody serves is one.
    let tenant = desk.run(&["switch", "off", "tenant:acme", "--as", "bob"]);
    assert!(!tenant.succeeded().stderr.contains("nobody is known"), "{tenant:#?}");
    let slip = desk.run(&["switch", "off", "tool:request_refunds", "--as", "bob"]);
    slip.exited_with(1);
    assert!(slip.stderr.contains("`request_refund`"), "{slip:#?}");
    drop(server);
    desk.audit_holds();
}

#[test]
fn a_tenant_that_is_switched_off_is_off_alone() {
    let desk = Desk::new();
    let server = desk.serve();
    desk.run(&["switch", "off", "tenant:acme", "--as", "bob"]).succeeded();
    thread::sleep(WITHIN);
    let health = |name: &str, id: &str| {
        let token = desk.token(name);
        server.ask(&token, "get_account_health_summary", &json!({"customer_id": id}))
    };
    assert_eq!(refusal_code(&health("alice", "cus_1001")), "switched_off");
    assert_eq!(structured(&health("dave", "cus_2001"))["status"], json!("active"));
    // Erin is not told what is off for others.
    assert_eq!(desk.run(&["switch", "list", "--as", "erin", "--format", "json"]).json(), json!([]));
    desk.run(&["switch", "on", "tenant:acme", "--as", "bob"]).succeeded();
    thread::sleep(WITHIN);
    assert_eq!(structured(&health("alice", "cus_1001"))["health"], json!("good"));
}

#[test]
fn only_leads_switch_and_nobody_another_tenant_or_everything() {
    let desk = Desk::new();
    drop(desk.serve());
    for (name, scope) in [
        ("alice", "tool:request_refund"),
        ("mallory", "tool:request_refund"),
        ("dave", "tenant:globex"),
        ("bob", "tenant:globex"),
        ("erin", "tenant:acme"),
        ("bob", "everything"),
    ] {
        for wish in ["off", "on"] {
            let refused = desk.run(&["switch", wish, scope, "--as", name]);
            refused.exited_with(1);
            assert!(refused.stderr.contains("`server.switch`"), "{name}, {scope}: {refused:#?}");
        }
    }
    desk.run(&["switch", "off", "tool:no_such_tool", "--as", "bob"]).exited_with(1);
    desk.run(&["switch", "list", "--as", "alice"]).exited_with(1);
    desk.run(&["switch", "off", "anything", "--as", "bob"]).exited_with(2);
    assert_eq!(desk.run(&["switch", "list", "--as", "bob", "--format", "json"]).json(), json!([]));
}

#[test]
fn a_client_that_keeps_a_session_is_told_that_its_list_has_changed() {
    let desk = Desk::new();
    let mut host = Stdio::start(desk.command(&["serve", "--stdio", "--as", "alice"]));
    let opened = host.result(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}));
    assert_eq!(opened["capabilities"]["tools"]["listChanged"], json!(true), "{opened:#}");
    host.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    assert!(host.result(&list).to_string().contains("request_refund"));
    desk.run(&["switch", "off", "tool:request_refund", "--as", "bob"]).succeeded();
    let since = Instant::now();
    while host.next()["method"] != json!("notifications/tools/list_changed") {
        assert!(since.elapsed() < PATIENCE);
    }
    let list = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"});
    assert!(!host.result(&list)["tools"].to_string().contains("\"request_refund\""));
    let called: Value = json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {
        "name": "request_refund", "arguments": refund_arguments()}});
    assert_eq!(refusal_code(&host.result(&called)), "switched_off");
}
