//! Bad input over stdio, and what a stdio server may never do.

use serde_json::{Value, json};

use crate::harness::{Desk, Stdio, call, refund_arguments, refusal_code, rpc, structured};

fn as_person(desk: &Desk, name: &str) -> Stdio {
    Stdio::start(desk.command(&["serve", "--stdio", "--as", name]))
}

fn health() -> Value {
    call(99, "get_account_health_summary", json!({"customer_id": "cus_1001"}))
}

#[test]
fn bad_lines_get_errors_and_the_server_goes_on() {
    let desk = Desk::new();
    let mut server = as_person(&desk, "alice");
    assert_eq!(structured(&server.result(&health()))["health"], json!("good"));
    let lines: Vec<Vec<u8>> = vec![
        b"hello".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"".to_vec(),
        [b"\"".as_slice(), &[0xff, 0xfe], b"\""].concat(),
        br#"{"jsonrpc":"2.0","id":1}"#.to_vec(),
        br#"{"jsonrpc":"2.0","id":{"a":1},"method":"tools/list"}"#.to_vec(),
        "[".repeat(100_000).into_bytes(),
    ];
    for line in lines {
        server.send(&line);
        let result = server.result(&health());
        assert_eq!(
            structured(&result)["health"],
            json!("good"),
            "after {:?}",
            String::from_utf8_lossy(&line[..line.len().min(80)])
        );
    }
    assert!(server.hang_up().success());
    desk.audit_holds();
}

#[test]
fn b10_a_local_caller_is_authorised_like_any_other() {
    let desk = Desk::new();
    let mut mallory = as_person(&desk, "mallory");
    let listed = mallory.result(&rpc(1, "tools/list", json!({})));
    assert_eq!(listed["tools"], json!([]));
    for name in ["request_refund", "no_such_tool"] {
        let answer = mallory.ask(&call(2, name, refund_arguments()));
        assert!(answer["error"]["code"].is_i64(), "{answer:#}");
    }
    let mut alice = as_person(&desk, "alice");
    let refused =
        alice.result(&call(3, "get_account_health_summary", json!({"customer_id": "cus_2001"})));
    assert_eq!(refusal_code(&refused), "permission_denied");
    assert_eq!(desk.effects("refund.paid"), 0);
}

#[test]
fn a_line_beyond_the_limit_does_not_end_in_silence() {
    let desk = Desk::new();
    let mut server = as_person(&desk, "alice");
    assert_eq!(structured(&server.result(&health()))["health"], json!("good"));
    let huge =
        call(1, "get_account_health_summary", json!({"customer_id": "x".repeat(16 * 1024 * 1024)}));
    server.send(huge.to_string().as_bytes());
    let answer = server.next();
    let refused = answer["error"]["code"].is_i64() || answer["result"]["isError"] == json!(true);
    assert!(refused, "{}", answer.to_string().chars().take(300).collect::<String>());
    assert_eq!(structured(&server.result(&health()))["health"], json!("good"));
    desk.audit_holds();
}

#[test]
fn a_server_whose_host_has_gone_ends_and_leaves_a_whole_audit() {
    let desk = Desk::new();
    let mut server = as_person(&desk, "alice");
    server.result(&health());
    server.send(call(5, "request_refund", refund_arguments()).to_string().as_bytes());
    assert!(server.hang_up().success());
    desk.audit_holds();
}
