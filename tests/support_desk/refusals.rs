//! What a refusal says, and what it does not.

use serde_json::{Value, json};

use crate::harness::{Desk, Response, call, mcp, refund_arguments, refusal_code, structured};

/// A response without what is different in every one of them.
fn comparable(mut response: Response) -> Response {
    let request_id = response
        .message()
        .pointer("/result/structuredContent/request_id")
        .and_then(Value::as_str)
        .map(ToOwned::to_owned);
    let request_id = request_id.expect("a request id");
    response.body = response.body.replace(&request_id, "REQUEST");
    response.headers.retain(|(name, _)| name != "date");
    response
}

#[test]
fn an_unknown_id_and_another_tenants_id_are_answered_byte_for_byte_alike() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let pairs = [
        (
            "get_account_health_summary",
            json!({"customer_id": "cus_2001"}),
            json!({"customer_id": "cus_9999"}),
        ),
        (
            "request_refund",
            json!({"order_id": "ord_6001", "amount_cents": 100, "reason": "goodwill"}),
            json!({"order_id": "ord_9999", "amount_cents": 100, "reason": "goodwill"}),
        ),
    ];
    for (tool, other_tenant, unknown) in pairs {
        let answer = |arguments: &Value| {
            let response = mcp(&alice, &call(1, tool, arguments.clone())).send(server.address);
            assert_eq!(refusal_code(&response.result()), "permission_denied", "{tool}");
            comparable(response)
        };
        assert_eq!(answer(&other_tenant), answer(&unknown), "{tool}");
    }
}

#[test]
fn b29_a_refusal_never_reads_like_a_success() {
    let desk = Desk::new();
    let server = desk.serve();
    let result = mcp(&desk.token("alice"), &call(1, "request_refund", refund_arguments()))
        .send(server.address)
        .result();
    assert_eq!(result["isError"], json!(true));
    let refusal = structured(&result);
    assert_eq!(refusal["executed"], json!(false));
    for key in ["code", "reason", "request_id"] {
        assert!(refusal[key].is_string(), "{key}: {refusal:#}");
    }
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(&text, refusal, "text and structure say the same");
}

#[test]
fn an_unlisted_tool_answers_like_an_unknown_one() {
    let desk = Desk::new();
    let server = desk.serve();
    let mallory = desk.token("mallory");
    let ask = |name: &str| {
        let response = mcp(&mallory, &call(1, name, refund_arguments())).send(server.address);
        let error = response.message()["error"].clone();
        assert!(error.is_object(), "{response:#?}");
        error.to_string().replace(name, "NAME")
    };
    assert_eq!(ask("request_refund"), ask("no_such_tool"));
    assert_eq!(desk.effects("refund.paid"), 0);
}

#[test]
fn every_fault_of_the_arguments_is_named_with_its_path_and_no_value_is_echoed() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let arguments = json!({
        "order_id": "ord_5001; SECRET-VALUE", "amount_cents": "SECRET-VALUE", "reason": "SECRET-VALUE",
        "SECRET-FIELD": {"deep": [1]},
    });
    let response = mcp(&alice, &call(1, "request_refund", arguments)).send(server.address);
    let result = response.result();
    assert_eq!(refusal_code(&result), "invalid_arguments");
    let faults = structured(&result)["faults"].as_array().unwrap();
    for path in ["/order_id", "/amount_cents", "/reason"] {
        assert!(faults.iter().any(|fault| fault["path"] == json!(path)), "{path}: {faults:#?}");
    }
    assert!(faults.len() >= 4, "the unknown field is a fault too: {faults:#?}");
    assert!(!response.body.contains("SECRET-VALUE"), "{response:#?}");
}

#[test]
fn b24_b34_bounds_that_are_advertised_are_enforced() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let draft = |field: &str, value: Value| {
        let mut arguments = json!({"customer_id": "cus_1001", "subject": "Invoice", "body": "Text", "priority": "low"});
        arguments[field] = value;
        ("create_support_ticket_draft", arguments)
    };
    let refund = |amount: Value| {
        (
            "request_refund",
            json!({"order_id": "ord_5001", "amount_cents": amount, "reason": "goodwill"}),
        )
    };
    let search = |limit: Value| ("search_customers", json!({"name_prefix": "ad", "limit": limit}));
    let bad = [
        draft("subject", json!("")),
        draft("subject", json!("x".repeat(121))),
        draft("subject", Value::Null),
        draft("body", json!("x".repeat(4_001))),
        draft("priority", json!("Low")),
        draft("priority", json!(["low"])),
        draft("customer_id", json!("cus_1001 ")),
        draft("customer_id", json!("CUS_1001")),
        draft("unknown", json!(1)),
        refund(json!(0)),
        refund(json!(-1)),
        refund(json!(500_001)),
        refund(json!(1.5)),
        refund(json!("100")),
        refund(json!(true)),
        refund(json!(1e300)),
        refund(json!(9_007_199_254_740_993_u64)),
        search(json!(0)),
        search(json!(21)),
        search(json!("10")),
        search(json!([])),
        ("search_customers", json!({"name_prefix": "a"})),
        ("search_customers", json!({})),
        ("get_account_health_summary", json!({"customer_id": {"eq": "cus_1001"}})),
    ];
    for (tool, arguments) in bad {
        let result = mcp(&alice, &call(1, tool, arguments.clone())).send(server.address).result();
        assert_eq!(refusal_code(&result), "invalid_arguments", "{tool} {arguments}");
    }
    let (tool, arguments) = draft("subject", json!("x".repeat(120)));
    let result = mcp(&alice, &call(1, tool, arguments)).send(server.address).result();
    assert_eq!(structured(&result)["status"], json!("draft_created"));
    assert_eq!((desk.effects("ticket.drafted"), desk.effects("refund.paid")), (1, 0));
}

#[test]
fn b38_identity_comes_from_the_token_and_from_nowhere_else() {
    let desk = Desk::new();
    let server = desk.serve();
    let mut message = call(1, "get_account_health_summary", json!({"customer_id": "cus_1001"}));
    message["params"]["_meta"]["io.modelcontextprotocol/clientInfo"]["name"] = json!("alice");
    message["params"]["_meta"]["subject"] = json!("alice");
    let response = mcp(&desk.token("mallory"), &message)
        .header("x-user", "alice")
        .header("x-forwarded-user", "alice")
        .header("cookie", "user=alice")
        .send(server.address);
    assert!(response.message()["error"].is_object(), "{response:#?}");
    // As an argument it is an unknown field.
    let message = call(
        2,
        "get_account_health_summary",
        json!({"customer_id": "cus_1001", "tenant": "globex", "as": "dave"}),
    );
    let result = mcp(&desk.token("alice"), &message).send(server.address).result();
    assert_eq!(refusal_code(&result), "invalid_arguments");
}

#[test]
fn a_rule_of_the_desk_is_told_and_counts_as_not_done() {
    let desk = Desk::new();
    let server = desk.serve();
    let bob = desk.token("bob");
    let arguments = json!({"order_id": "ord_5001", "amount_cents": 12_001, "reason": "goodwill"});
    let asked =
        mcp(&bob, &call(1, "request_refund", arguments.clone())).send(server.address).result();
    desk.approve(structured(&asked)["approval_id"].as_str().unwrap(), "carol");
    let failed = mcp(&bob, &call(2, "request_refund", arguments)).send(server.address).result();
    assert_eq!(refusal_code(&failed), "tool_failed");
    assert_eq!(
        structured(&failed)["executed"],
        json!(false),
        "the desk vouches that nothing changed"
    );
    assert!(failed.to_string().contains("12000"), "{failed:#}");
    assert_eq!(desk.effects("refund.paid"), 0);
}

#[test]
fn text_of_outside_origin_is_marked_in_the_schema() {
    let desk = Desk::new();
    let server = desk.serve();
    let message = crate::harness::rpc(1, "tools/list", json!({}));
    let listed = mcp(&desk.token("alice"), &message).send(server.address).result();
    let summary = listed["tools"]
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["name"] == "get_account_health_summary")
        .unwrap();
    assert_eq!(
        summary["outputSchema"]["anyOf"][0]["properties"]["name"]["x-untrusted"],
        json!(true),
        "{summary:#}"
    );
    for customer in ["cus_1007", "cus_1008", "cus_1009", "cus_1011", "cus_1012"] {
        let message = call(2, "get_account_health_summary", json!({"customer_id": customer}));
        let response = mcp(&desk.token("alice"), &message).send(server.address);
        assert!(structured(&response.result())["name"].is_string(), "{customer}: {response:#?}");
    }
}
