//! How often: counted for each account, over all processes of the folder.

use serde_json::{Value, json};

use crate::harness::{Desk, Stdio, call, mcp, refusal_code, rpc, structured};

fn hello() -> Value {
    json!({"customer_id": "cus_1001", "summary": "hello"})
}

#[track_caller]
fn is_limited(refused: &Value) {
    assert_eq!(refusal_code(refused), "rate_limited", "{refused:#}");
    assert_eq!(structured(refused)["executed"], json!(false), "{refused:#}");
    let wait = structured(refused)["retry_after_ms"].as_u64().expect("when to come back");
    // Three a minute are one every twenty seconds.
    assert!((1..=20_000).contains(&wait), "{refused:#}");
}

#[test]
fn the_fourth_notification_within_a_minute_is_refused_and_says_when_to_come_back() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let notify = |token: &str| server.ask(token, "notify_account_manager", &hello());
    for _ in 0..3 {
        assert!(structured(&notify(&alice))["notification_id"].is_string());
    }
    for _ in 0..3 {
        is_limited(&notify(&alice));
    }
    // Bob has not called yet, and Alice's other tools are not this one.
    assert!(structured(&notify(&desk.token("bob")))["notification_id"].is_string());
    let read =
        server.ask(&alice, "get_account_health_summary", &json!({"customer_id": "cus_1001"}));
    assert_eq!(structured(&read)["health"], json!("good"));
    assert_eq!(desk.effects("account_manager.notified"), 4);
    desk.effects_are_on_record();
}

#[test]
fn lists_count_towards_the_quota_of_the_account_that_asks_for_them() {
    let desk = Desk::new();
    let server = desk.serve();
    let list =
        |token: &str| mcp(token, &rpc(1, "tools/list", json!({}))).send(server.address).message();
    let (alice, bob) = (desk.token("alice"), desk.token("bob"));
    // A thousand at once, and a hundred more each second.
    let refused = (0..20_000).map(|_| list(&alice)).find(|answer| answer["error"].is_object());
    let refused = refused.expect("a thousand lists and more are not an account's daily need");
    assert_eq!(refused["error"]["data"]["code"], json!("rate_limited"), "{refused:#}");
    assert!(refused["error"]["data"]["retry_after_ms"].as_u64() > Some(0), "{refused:#}");
    assert!(list(&bob)["result"]["tools"].is_array());
    assert!(!desk.records(&["--outcome", "rate_limited"]).is_empty());
}

#[test]
fn processes_on_one_folder_count_together() {
    let desk = Desk::new();
    let (first, second) = (desk.serve(), desk.serve());
    let alice = desk.token("alice");
    let mut local = Stdio::start(desk.command(&["serve", "--stdio", "--as", "alice"]));
    let notify =
        |server: &crate::harness::Server| server.ask(&alice, "notify_account_manager", &hello());
    assert!(structured(&notify(&first))["notification_id"].is_string());
    assert!(structured(&notify(&second))["notification_id"].is_string());
    // Another way in is the same account.
    let mut here = || local.result(&call(1, "notify_account_manager", hello()));
    assert!(structured(&here())["notification_id"].is_string());
    is_limited(&notify(&first));
    is_limited(&notify(&second));
    is_limited(&here());
    // Nor does a restart help.
    drop((first, second));
    is_limited(&desk.serve().ask(&alice, "notify_account_manager", &hello()));
    assert_eq!(desk.effects("account_manager.notified"), 3);
}
