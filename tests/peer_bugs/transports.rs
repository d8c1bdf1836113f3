//! The same shapes against the real support-desk program: over HTTP, over stdio, with bytes no client would send.

use serde_json::{Value, json};

use crate::harness::{
    Desk, Request, Response, Server, Stdio, call, mcp, refund_arguments, refusal_code, rpc,
    structured,
};

fn as_person(desk: &Desk, name: &str) -> Stdio {
    Stdio::start(desk.command(&["serve", "--stdio", "--as", name]))
}

/// A message of a legacy session, which the newer protocol does not have.
fn legacy(token: &str, message: &Value) -> Request {
    mcp(token, message)
        .header("mcp-protocol-version", "2025-11-25")
        .header("mcp-method", "")
        .header("mcp-name", "")
}

fn no_payment(desk: &Desk) {
    assert_eq!(desk.effects("refund.paid"), 0);
    let pending = desk.run(&["approvals", "list", "--as", "bob", "--format", "json"]).json();
    for request in pending.as_array().unwrap() {
        assert_eq!(request["state"], json!("pending"), "{request:#}");
    }
}

#[test]
fn b10_stdio_goes_through_the_same_gates_as_http() {
    let desk = Desk::new();
    for (name, arguments, expected) in [
        ("mallory", refund_arguments(), None),
        ("alice", refund_arguments(), Some("approval_required")),
        (
            "alice",
            json!({"order_id": "ord_6001", "amount_cents": 1, "reason": "goodwill"}),
            Some("permission_denied"),
        ),
        (
            "alice",
            json!({"order_id": "ord_5001", "amount_cents": 0, "reason": "goodwill"}),
            Some("invalid_arguments"),
        ),
    ] {
        let answer = as_person(&desk, name).ask(&call(1, "request_refund", arguments));
        match expected {
            Some(code) => assert_eq!(refusal_code(&answer["result"]), code),
            None => assert!(answer["error"].is_object(), "{answer:#}"),
        }
    }
    // Nobody at all is nobody here too: the operating system's user is not among the desk's people.
    let nobody = desk.run(&["serve", "--stdio", "--as", "root"]);
    assert!(!nobody.status.success());
    no_payment(&desk);
}

#[test]
fn b11_there_is_no_way_to_a_tool_beside_the_pipeline() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let message = call(1, "request_refund", refund_arguments());
    for path in [
        "/",
        "/tools/request_refund",
        "/mcp/tools/call",
        "/mcp/",
        "//mcp",
        "/MCP",
        "/sse",
        "/message",
        "/messages",
        "/rpc",
        "/api/tools/request_refund",
        "/approvals",
        "/admin",
        "/metrics",
        "/mcp%2f",
        "/healthz/request_refund",
        "/../mcp",
    ] {
        for token in ["", alice.as_str()] {
            let mut response = Request::new("POST", path).body(message.to_string());
            if !token.is_empty() {
                response = response.header("authorization", &format!("Bearer {token}"));
            }
            let response = response.header("content-type", "application/json").send(server.address);
            assert!(matches!(response.status, 400 | 404 | 405), "{path}: {response:#?}");
        }
    }
    for method in ["GET", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD", "POST"] {
        let response = Request::new(method, "/mcp").body(message.to_string()).send(server.address);
        assert_eq!(response.status, 401, "{method}: {response:#?}");
    }
    for method in [
        "request_refund",
        "tools/request_refund",
        "tools/run",
        "approvals/approve",
        "mcp-secure/run",
        "admin/call",
        "rpc.request_refund",
    ] {
        let response = mcp(&alice, &rpc(1, method, json!({"arguments": refund_arguments()})));
        let answer = response.send(server.address).message();
        assert_eq!(answer["error"]["code"], json!(-32601), "{method}: {answer:#}");
    }
    // These the protocol has, and none of them takes what a call takes.
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let response = mcp(&alice, &rpc(1, method, json!({"arguments": refund_arguments()})));
        let answer = response.send(server.address).message();
        assert_eq!(answer["error"]["code"], json!(-32602), "{method}: {answer:#}");
    }
    no_payment(&desk);
}

#[test]
fn b26_an_id_of_a_session_a_request_or_an_approval_is_worth_nothing_to_another_user() {
    let desk = Desk::new();
    let server = desk.serve();
    let (alice, bob) = (desk.token("alice"), desk.token("bob"));
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
    let opened = legacy(&alice, &initialize).send(server.address);
    let session = opened.header("mcp-session-id").expect("a session").to_owned();
    let paid = |token: &str, server: &Server| {
        mcp(token, &call(1, "request_refund", refund_arguments())).send(server.address).result()
    };
    let id = structured(&paid(&alice, &server))["approval_id"].as_str().unwrap().to_owned();
    desk.approve(&id, "bob");
    let done = paid(&alice, &server);
    let request_id = structured(&done).get("refund_id").expect("a receipt").clone();
    // Bob has more rights than Alice, and her ids still give him nothing of hers.
    let search = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
        "name": "search_customers", "arguments": {"name_prefix": "ad"}}});
    let own = legacy(&alice, &search).header("mcp-session-id", &session).send(server.address);
    assert_eq!(own.status, 200, "{own:#?}");
    let stolen = legacy(&bob, &search).header("mcp-session-id", &session).send(server.address);
    assert!(matches!(stolen.status, 401 | 403 | 404), "{stolen:#?}");
    for method in ["tasks/get", "tasks/result", "tasks/cancel", "tasks/list"] {
        for id in [&id, &session] {
            let message = rpc(3, method, json!({"taskId": id, "id": id}));
            let response = mcp(&bob, &message).send(server.address);
            assert!(response.message()["error"].is_object(), "{method}: {response:#?}");
            assert!(!response.body.contains(request_id.as_str().unwrap()), "{response:#?}");
        }
    }
    let own = paid(&bob, &server);
    assert_eq!(refusal_code(&own), "idempotency_conflict", "not her receipt: {own:#}");
    assert!(!own.to_string().contains(request_id.as_str().unwrap()), "{own:#}");
    assert_eq!(desk.effects("refund.paid"), 1);
}

#[test]
fn b27_a_hostile_origin_with_a_good_host_and_a_good_token_gets_403() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let notify =
        call(1, "notify_account_manager", json!({"customer_id": "cus_1001", "summary": "hello"}));
    let good = server.address.to_string();
    for origin in [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        "file://".to_owned(),
        format!("http://{good}.evil.example"),
        format!("http://evil.example/{good}"),
        format!("http://evil@{good}.example"),
        "http://127.0.0.1.evil.example".to_owned(),
    ] {
        for (host, token) in [(good.as_str(), alice.as_str()), (good.as_str(), "")] {
            let response = mcp(token, &notify)
                .header("host", host)
                .header("origin", &origin)
                .send(server.address);
            assert_eq!(response.status, 403, "{origin}: {response:#?}");
        }
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example"] {
        let response = mcp(&alice, &notify).header("host", host).send(server.address);
        assert!(matches!(response.status, 400 | 403 | 421), "{host}: {response:#?}");
    }
    assert_eq!(desk.effects("account_manager.notified"), 0);
}

#[test]
fn b37_no_message_of_the_asking_client_answers_its_own_approval() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let asked = mcp(&alice, &call(1, "request_refund", refund_arguments())).send(server.address);
    let id = structured(&asked.result())["approval_id"].as_str().unwrap().to_owned();
    let accepted = json!({"action": "accept", "content": {"approve": true, "approval_id": id}});
    let mut retried = call(2, "request_refund", refund_arguments());
    retried["params"]["inputResponses"] = json!({ id.as_str(): accepted, "approval": accepted });
    retried["params"]["requestState"] = json!(format!("{{\"approved\":\"{id}\"}}"));
    let answer = mcp(&alice, &retried).send(server.address).message();
    // A state that the server did not hand out is no state.
    assert_eq!(refusal_code(&answer["result"]), "invalid_arguments", "{answer:#}");
    for message in [
        json!({"jsonrpc": "2.0", "id": 1, "result": accepted}),
        json!({"jsonrpc": "2.0", "id": id, "result": accepted}),
        json!({"jsonrpc": "2.0", "method": "notifications/elicitation/complete", "params": {"elicitationId": id}}),
        rpc(3, "elicitation/create", accepted.clone()),
        rpc(4, "tasks/update", json!({"taskId": id, "inputResponses": {"approve": accepted}})),
    ] {
        let mut request = mcp(&alice, &call(1, "x", json!({}))).body(message.to_string());
        request = request
            .header("mcp-method", message["method"].as_str().unwrap_or_default())
            .header("mcp-name", "");
        drop::<Response>(request.send(server.address));
        let mut stdio = as_person(&desk, "alice");
        stdio.send(message.to_string().as_bytes());
        let again = stdio.result(&call(9, "request_refund", refund_arguments()));
        assert_eq!(refusal_code(&again), "approval_required", "{message:#}");
    }
    // The people who may decide are named on the command line, and she is none of them.
    desk.run(&["approvals", "approve", &id, "--as", "alice"]).exited_with(1);
    let again = mcp(&alice, &call(5, "request_refund", refund_arguments())).send(server.address);
    assert_eq!(refusal_code(&again.result()), "approval_required");
    no_payment(&desk);
}

#[test]
fn b38_identity_is_what_was_proven_and_nothing_a_caller_says() {
    let desk = Desk::new();
    let server = desk.serve();
    let mallory = desk.token("mallory");
    let read = call(1, "get_account_health_summary", json!({"customer_id": "cus_1001"}));
    let mut claims = read.clone();
    claims["params"]["_meta"]["io.modelcontextprotocol/clientInfo"] =
        json!({"name": "alice", "version": "1", "title": "alice"});
    for key in ["user", "sub", "principal", "roles", "authorization"] {
        claims["params"]["_meta"][key] = json!("alice");
    }
    let said = mcp(&mallory, &claims)
        .header("x-user", "alice")
        .header("x-forwarded-user", "alice")
        .header("x-forwarded-for", "127.0.0.1")
        .header("cookie", &format!("token={}", desk.token("alice")))
        .send(server.address);
    assert!(said.message()["error"].is_object(), "{said:#?}");
    // A token is believed for its signature: another subject, another algorithm or none at all are refused.
    let parts: Vec<&str> = mallory.split('.').collect();
    let alice = desk.token("alice");
    let hers: Vec<&str> = alice.split('.').collect();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for forged in [
        format!("{}.{}.{}", parts[0], hers[1], parts[2]),
        format!("{none}.{}.", hers[1]),
        format!("{none}.{}.{}", hers[1], parts[2]),
        format!("{}.{}.", hers[0], hers[1]),
        "alice".to_owned(),
    ] {
        let response = mcp(&forged, &read).send(server.address);
        assert_eq!(response.status, 401, "{response:#?}");
    }
    let response =
        mcp("", &read).header("authorization", "Basic YWxpY2U6YWxpY2U=").send(server.address);
    assert_eq!(response.status, 401, "{response:#?}");
    // The record holds who it was, and the claim as a claim.
    drop(server);
    let told = desk.records(&[]);
    let told: Vec<_> =
        told.iter().filter(|r| r["principal"]["subject"] == json!("alice")).collect();
    assert!(told.is_empty(), "{told:#?}");
}
