//! Bad input over HTTP. After each of it the server answers as before, and the audit is whole.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::harness::{
    Desk, Request, Response, Server, call, mcp, refund_arguments, refusal_code, rpc, structured,
};

/// The server still serves.
#[track_caller]
fn still_answers(server: &Server, token: &str) {
    let message = call(99, "get_account_health_summary", json!({"customer_id": "cus_1001"}));
    let result = mcp(token, &message).send(server.address).result();
    assert_eq!(structured(&result)["health"], json!("good"), "{result:#}");
}

/// An answer that a stranger may see: an error that names no insides.
#[track_caller]
fn clean_error(response: &Response) {
    assert!((400..=499).contains(&response.status), "{response:#?}");
    let body = response.body.to_ascii_lowercase();
    for inside in
        ["panicked", ".rs:", "sqlite", "select ", "/home/", "/root/", "/tmp/", "backtrace"]
    {
        assert!(!body.contains(inside), "`{inside}` in {response:#?}");
    }
}

/// A JSON-RPC error, in whichever status it came.
#[track_caller]
fn protocol_error(response: &Response) {
    let message = response.message();
    assert!(message["error"]["code"].is_i64(), "{response:#?}");
}

fn with_body(token: &str, body: impl Into<Vec<u8>>) -> Request {
    mcp(token, &call(1, "request_refund", json!({}))).body(body)
}

#[test]
fn a_missing_token_is_challenged_and_nothing_is_told() {
    let desk = Desk::new();
    let server = desk.serve();
    for message in [rpc(1, "tools/list", json!({})), call(1, "request_refund", refund_arguments())]
    {
        let response = mcp("", &message).send(server.address);
        assert_eq!(response.status, 401, "{response:#?}");
        let challenge = response.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer"), "{response:#?}");
        assert!(!response.body.contains("request_refund"), "{response:#?}");
    }
    still_answers(&server, &desk.token("alice"));
    desk.audit_holds();
}

#[test]
fn forged_expired_and_foreign_tokens_are_refused_alike() {
    let desk = Desk::new();
    let other = Desk::new();
    let server = desk.serve();
    let good = desk.token("alice");
    let parts: Vec<&str> = good.split('.').collect();
    assert_eq!(parts.len(), 3, "the local issuer's tokens are JWTs");
    let base64_none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let expired = desk
        .run(&["token", "--as", "alice", "--expires", "1s"])
        .succeeded()
        .stdout
        .trim()
        .to_owned();
    let forged = [
        ("another folder's issuer", other.token("alice")),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("algorithm none", format!("{base64_none}.{}.", parts[1])),
        ("algorithm none, signature kept", format!("{base64_none}.{}.{}", parts[1], parts[2])),
        ("bob's claims under alice's signature", {
            let bob = desk.token("bob");
            format!("{}.{}.{}", parts[0], bob.split('.').nth(1).unwrap(), parts[2])
        }),
        ("cut short", good[..good.len() - 4].to_owned()),
        ("text", "alice".to_owned()),
        ("very long", "a".repeat(16_000)),
    ];
    let message = call(1, "get_account_health_summary", json!({"customer_id": "cus_1001"}));
    for (what, token) in forged {
        let response = mcp(&token, &message).send(server.address);
        assert!(matches!(response.status, 401 | 431), "{what}: {response:#?}");
        clean_error(&response);
    }
    for scheme in ["Basic YWxpY2U6YWxpY2U=", "Bearer", "bearer ", "Token x"] {
        let response = mcp("", &message).header("authorization", scheme).send(server.address);
        assert_eq!(response.status, 401, "{scheme}: {response:#?}");
    }
    // Two tokens are no token.
    let response = mcp(&good, &message)
        .another("authorization", &format!("Bearer {good}"))
        .send(server.address);
    assert!(matches!(response.status, 400 | 401), "{response:#?}");
    // Longer than any leeway a clock may be given.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let mut response = mcp(&expired, &message).send(server.address);
    for _ in 0..70 {
        if response.status == 401 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
        response = mcp(&expired, &message).send(server.address);
    }
    assert_eq!(response.status, 401, "{response:#?}");
    still_answers(&server, &good);
    desk.audit_holds();
}

#[test]
fn a_token_in_the_address_is_none() {
    let desk = Desk::new();
    let server = desk.serve();
    let good = desk.token("alice");
    let message = rpc(1, "tools/list", json!({}));
    let request = Request::new("POST", &format!("/mcp?access_token={good}"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/list")
        .body(message.to_string());
    assert_eq!(request.send(server.address).status, 401);
}

#[test]
fn b27_a_hostile_origin_is_refused_even_with_a_good_host_and_token() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let message = rpc(1, "tools/list", json!({}));
    for origin in [
        "https://evil.example",
        "http://127.0.0.1.evil.example",
        "null",
        "file://",
        "http://localhost@evil.example",
    ] {
        let response = mcp(&alice, &message).header("origin", origin).send(server.address);
        assert_eq!(response.status, 403, "{origin}: {response:#?}");
        assert!(response.header("access-control-allow-origin").is_none(), "{response:#?}");
        let preflight = Request::new("OPTIONS", "/mcp")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send(server.address);
        assert!(preflight.header("access-control-allow-origin").is_none(), "{preflight:#?}");
    }
    still_answers(&server, &alice);
    desk.audit_holds();
}

#[test]
fn a_hostile_host_is_refused() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let message = rpc(1, "tools/list", json!({}));
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        &format!("evil.example:{}", server.address.port()),
    ] {
        let response = mcp(&alice, &message).header("host", host).send(server.address);
        assert!(matches!(response.status, 400 | 403 | 421), "{host}: {response:#?}");
    }
    let local = format!("localhost:{}", server.address.port());
    assert_eq!(mcp(&alice, &message).header("host", &local).send(server.address).status, 200);
}

#[test]
fn malformed_bodies_get_an_error_and_nothing_runs() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("a word", b"hello".to_vec()),
        ("half an object", br#"{"jsonrpc":"2.0","id":1,"method":"tools/"#.to_vec()),
        ("an array", b"[]".to_vec()),
        ("a number", b"1".to_vec()),
        ("null", b"null".to_vec()),
        ("no method", br#"{"jsonrpc":"2.0","id":1}"#.to_vec()),
        ("another version", br#"{"jsonrpc":"1.0","id":1,"method":"tools/list","params":{}}"#.to_vec()),
        ("a method that is a number", br#"{"jsonrpc":"2.0","id":1,"method":7,"params":{}}"#.to_vec()),
        ("not UTF-8", [br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":""#.as_slice(), &[0xff, 0xfe, 0x80], br#""}}"#].concat()),
        ("a NUL byte", b"{\"jsonrpc\":\"2.0\",\0\"id\":1}".to_vec()),
        ("UTF-16", "{\"jsonrpc\":\"2.0\"}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a lone surrogate", br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\ud800","arguments":{}}}"#.to_vec()),
        ("two objects", br#"{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}"#.to_vec()),
    ];
    for (what, body) in bodies {
        let response = with_body(&alice, body).send(server.address);
        clean_error(&response);
        assert!(response.status < 500, "{what}: {response:#?}");
    }
    still_answers(&server, &alice);
    assert_eq!(desk.effects("refund.paid"), 0);
    desk.audit_holds();
}

#[test]
fn a_body_beyond_the_limit_is_refused_before_it_is_read() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let huge = json!({"customer_id": "cus_1001", "filler": "x".repeat(32 * 1024 * 1024)});
    let response = mcp(&alice, &call(1, "get_account_health_summary", huge)).send(server.address);
    assert_eq!(
        response.status,
        413,
        "{} {}",
        response.status,
        response.body.chars().take(300).collect::<String>()
    );
    // Chunked, so that no length warns of it.
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {alice}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        server.address
    );
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 0x10_0000], b"\r\n"].concat();
    let sent = (0..64).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(sent < 64, "the server read 64 MiB of one body");
    still_answers(&server, &alice);
    desk.audit_holds();
}

#[test]
fn deep_and_wide_arguments_are_refused() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    for depth in [100, 5_000, 100_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"request_refund","arguments":{{"order_id":{nested}}}}}}}"#
        );
        let response = with_body(&alice, body).send(server.address);
        if response.status == 200 {
            assert_eq!(refusal_code(&response.result()), "invalid_arguments", "depth {depth}");
        } else {
            clean_error(&response);
        }
    }
    let wide: serde_json::Map<String, Value> =
        (0..5_000).map(|i| (format!("field{i}"), json!(i))).collect();
    let response =
        mcp(&alice, &call(1, "request_refund", Value::Object(wide))).send(server.address);
    assert_eq!(refusal_code(&response.result()), "invalid_arguments");
    assert!(
        response.body.len() < 128 * 1024,
        "faults are told in bounds: {} bytes",
        response.body.len()
    );
    still_answers(&server, &alice);
    desk.audit_holds();
}

#[test]
fn repeated_keys_never_make_two_readings_of_one_call() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"request_refund","arguments":
        {"order_id":"ord_5001","order_id":"ord_6001","amount_cents":1,"amount_cents":2,"reason":"goodwill"},
        "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let response = with_body(&alice, body).send(server.address);
    if response.status == 200 && response.message().get("result").is_some() {
        // The last one counts, for the check as for the call: it is the other tenant's, so it is refused.
        assert!(
            matches!(refusal_code(&response.result()), "permission_denied" | "invalid_arguments"),
            "{response:#?}"
        );
    } else {
        protocol_error(&response);
    }
    assert_eq!(desk.effects("refund.paid"), 0);
}

#[test]
fn other_methods_addresses_and_media_types_are_refused() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let bearer = format!("Bearer {alice}");
    for method in ["PUT", "PATCH", "HEAD", "TRACE", "BREW"] {
        let response =
            Request::new(method, "/mcp").header("authorization", &bearer).send(server.address);
        assert!((400..=501).contains(&response.status), "{method}: {response:#?}");
    }
    for (method, worst) in [("GET", 400), ("DELETE", 200)] {
        let bare = Request::new(method, "/mcp").send(server.address);
        assert_eq!(bare.status, 401, "{method} without a token: {bare:#?}");
        let response = Request::new(method, "/mcp")
            .header("authorization", &bearer)
            .header("accept", "text/event-stream")
            .header("mcp-session-id", "6b1f6f5e-0000-4000-8000-000000000000")
            .send(server.address);
        assert!(
            (worst..=499).contains(&response.status),
            "{method} of an unknown session: {response:#?}"
        );
    }
    for path in ["/", "/mcp/../secret", "/%2e%2e/%2e%2e/etc/passwd", "/mcp/x", "//mcp"] {
        let response =
            Request::new("GET", path).header("authorization", &bearer).send(server.address);
        assert!(
            (400..=499).contains(&response.status)
                || response.status == 200 && !response.body.contains("root:"),
            "{path}: {response:#?}"
        );
    }
    let message = rpc(1, "tools/list", json!({}));
    let response = mcp(&alice, &message).header("content-type", "text/plain").send(server.address);
    assert!(matches!(response.status, 400 | 415), "{response:#?}");
    still_answers(&server, &alice);
}

#[test]
fn b26_a_session_of_one_person_is_of_no_use_to_another() {
    let desk = Desk::new();
    let server = desk.serve();
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
    let legacy = |token: &str, message: &Value| {
        mcp(token, message)
            .header("mcp-protocol-version", "2025-11-25")
            .header("mcp-method", "")
            .header("mcp-name", "")
    };
    let opened = legacy(&desk.token("alice"), &initialize).send(server.address);
    assert_eq!(opened.status, 200, "{opened:#?}");
    let session = opened.header("mcp-session-id").expect("a session that could be stolen");
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}});
    let stolen = legacy(&desk.token("mallory"), &list)
        .header("mcp-session-id", session)
        .send(server.address);
    if stolen.status == 200 {
        assert_eq!(stolen.result()["tools"], json!([]), "{stolen:#?}");
    } else {
        clean_error(&stolen);
    }
    // Nor can the other end it.
    Request::new("DELETE", "/mcp")
        .header("authorization", &format!("Bearer {}", desk.token("mallory")))
        .header("mcp-session-id", session)
        .send(server.address);
    let own =
        legacy(&desk.token("alice"), &list).header("mcp-session-id", session).send(server.address);
    assert_eq!(own.status, 200, "{own:#?}");
    assert!(!own.result()["tools"].as_array().unwrap().is_empty(), "{own:#?}");
}

#[test]
fn slow_and_broken_connections_leave_the_server_answering() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let mut open: Vec<TcpStream> =
        (0..50).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    for (index, stream) in open.iter_mut().enumerate() {
        let bytes: &[u8] = match index % 4 {
            0 => b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n\r\n{",
            1 => b"POST /mcp HT",
            2 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            _ => b"",
        };
        stream.write_all(bytes).unwrap();
    }
    still_answers(&server, &alice);
    drop(open);
    still_answers(&server, &alice);
    desk.audit_holds();
}

#[test]
fn a_mismatch_between_header_and_body_is_refused() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let message = call(1, "request_refund", refund_arguments());
    let response =
        mcp(&alice, &message).header("mcp-name", "get_account_health_summary").send(server.address);
    protocol_error(&response);
    let response = mcp(&alice, &message).header("mcp-method", "tools/list").send(server.address);
    protocol_error(&response);
    assert!(
        desk.run(&["approvals", "list", "--as", "bob", "--format", "json"])
            .json()
            .as_array()
            .is_some_and(Vec::is_empty)
    );
}
