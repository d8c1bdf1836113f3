//! What one caller is shown or told is nobody else's: not by a cache on the way, and not by a repeated call.

use serde_json::{Value, json};

use crate::harness::{
    Desk, Response, Server, Stdio, call, mcp, refund_arguments, refusal_code, rpc, structured,
};

const ARTICLE: &str = "kb://articles/refund-policy";

/// What a caller gets. Nobody on the way may keep it.
#[track_caller]
fn shown(server: &Server, token: &str, method: &str, params: &Value) -> Value {
    let response = mcp(token, &rpc(1, method, params.clone())).send(server.address);
    not_to_be_kept(method, &response);
    let result = response.result();
    assert_eq!(result["cacheScope"], json!("private"), "{method}: {response:#?}");
    assert_eq!(result["ttlMs"], json!(0), "{method}: {response:#?}");
    result
}

#[track_caller]
fn not_to_be_kept(what: &str, response: &Response) {
    let said = response.header("cache-control").unwrap_or_default();
    assert!(said.contains("no-store"), "{what}: {response:#?}");
}

#[test]
fn b15_each_caller_is_shown_their_own_over_http_and_nobody_may_keep_it() {
    let desk = Desk::new();
    let server = desk.serve();
    let [alice, dave, mallory] = ["alice", "dave", "mallory"].map(|name| desk.token(name));
    let lists = [
        ("tools/list", "tools", 7),
        ("prompts/list", "prompts", 1),
        ("resources/list", "resources", 0),
        ("resources/templates/list", "resourceTemplates", 1),
    ];
    // Each in turn, as they would come through one proxy: whoever is second is not given what was said to the first.
    for (method, name, count) in lists {
        for (who, token, expected) in
            [("alice", &alice, count), ("mallory", &mallory, 0), ("dave", &dave, count)]
        {
            let result = shown(&server, token, method, &json!({}));
            let listed = result[name].as_array().unwrap_or_else(|| panic!("{who}: {result:#}"));
            assert_eq!(listed.len(), expected, "{who}, {method}: {result:#}");
        }
        let stranger = mcp("", &rpc(1, method, json!({}))).send(server.address);
        assert_eq!(stranger.status, 401, "{stranger:#?}");
        not_to_be_kept(method, &stranger);
    }

    let article = json!({"uri": ARTICLE});
    let read = shown(&server, &alice, "resources/read", &article);
    let text = read["contents"][0]["text"].as_str().expect("an article").to_owned();
    let refused = mcp(&mallory, &rpc(1, "resources/read", article)).send(server.address);
    not_to_be_kept("resources/read", &refused);
    assert!(refused.message()["error"].is_object(), "{refused:#?}");
    assert!(!refused.body.contains(&text[..20]), "{refused:#?}");

    // Two tenants ask the same question and get two answers; of the other's customer neither hears anything.
    let health = |token: &str, customer: &str| {
        let message = call(1, "get_account_health_summary", json!({"customer_id": customer}));
        let response = mcp(token, &message).send(server.address);
        not_to_be_kept(customer, &response);
        response.result()
    };
    assert_eq!(structured(&health(&alice, "cus_1001"))["customer_id"], json!("cus_1001"));
    assert_eq!(structured(&health(&dave, "cus_2001"))["customer_id"], json!("cus_2001"));
    assert_eq!(refusal_code(&health(&dave, "cus_1001")), "permission_denied");
    assert_eq!(refusal_code(&health(&alice, "cus_2001")), "permission_denied");
}

#[test]
fn b15_a_kept_answer_is_nobody_elses() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let refund = refund_arguments();
    let paid = server.approved(&desk, &alice, "bob", ("request_refund", &refund));
    let receipt = structured(&paid)["refund_id"].as_str().expect("a receipt").to_owned();
    let again = server.ask(&alice, "request_refund", &refund);
    assert_eq!(structured(&again), structured(&paid));

    // The same words of a colleague, of another tenant, of nobody in particular, and of Alice through another client.
    let mut elsewhere = Stdio::start(desk.command(&["serve", "--stdio", "--as", "alice"]));
    let answers = [
        ("carol", server.ask(&desk.token("carol"), "request_refund", &refund)),
        ("dave", server.ask(&desk.token("dave"), "request_refund", &refund)),
        ("alice elsewhere", elsewhere.result(&call(1, "request_refund", refund.clone()))),
    ];
    for (who, answer) in answers {
        let expected = if who == "dave" { "permission_denied" } else { "idempotency_conflict" };
        assert_eq!(refusal_code(&answer), expected, "{who}: {answer:#}");
        assert!(!answer.to_string().contains(&receipt), "{who}: {answer:#}");
    }
    let mallory = call(1, "request_refund", refund);
    let mallory = mcp(&desk.token("mallory"), &mallory).send(server.address);
    assert!(!mallory.body.contains(&receipt), "{mallory:#?}");
    assert!(mallory.message()["error"].is_object(), "{mallory:#?}");
    drop(elsewhere);
    assert_eq!(desk.effects("refund.paid"), 1);
    desk.effects_are_on_record();
}
