use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio_util::sync::CancellationToken;

use super::super::testkit::Stub;
use super::*;
use crate::identity::AuthError;
use crate::pipeline::Target;

/// A host that writes lines and reads lines, as hosts do.
struct Host {
    input: WriteHalf<DuplexStream>,
    output: tokio::io::Lines<BufReader<ReadHalf<DuplexStream>>>,
    server: tokio::task::JoinHandle<Result<(), StdioError>>,
    stub: Arc<Stub>,
}

impl Host {
    fn start() -> Self {
        let stub = Stub::new();
        let (ours, theirs) = tokio::io::duplex(1024 * 1024);
        let (theirs_in, theirs_out) = tokio::io::split(theirs);
        let face: Arc<dyn Face> = Arc::<Stub>::clone(&stub);
        let server = tokio::spawn(serve(face, theirs_in, theirs_out, CancellationToken::new()));
        let (output, input) = tokio::io::split(ours);
        Self { input, output: BufReader::new(output).lines(), server, stub }
    }

    async fn initialized() -> Self {
        let mut host = Self::start();
        let answer = host
            .ask(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": {"name": "a\u{1b}[31m\u{202e}host", "version": "9".repeat(500)}}}))
            .await;
        assert_eq!(answer["result"]["serverInfo"]["name"], "stub");
        assert_eq!(answer["result"]["instructions"], "Be careful.");
        host.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        host
    }

    async fn send(&mut self, line: &str) {
        self.bytes(format!("{line}\n").as_bytes()).await;
    }

    async fn bytes(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        let line =
            tokio::time::timeout(Duration::from_secs(5), self.output.next_line()).await.unwrap();
        serde_json::from_str(&line.unwrap().unwrap()).unwrap()
    }

    async fn ask(&mut self, request: &Value) -> Value {
        self.send(&request.to_string()).await;
        self.next().await
    }

    async fn method(&mut self, id: u32, method: &str, params: Value) -> Value {
        self.ask(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await
    }
}

#[tokio::test]
async fn b10_a_local_caller_is_authenticated_for_every_request() {
    let mut host = Host::initialized().await;
    let answer = host.method(1, "tools/call", json!({"name": "echo", "arguments": {}})).await;
    assert_eq!(answer["result"]["structuredContent"]["caller"], "alice");
    *host.stub.names.local.lock().unwrap() = None;
    for (id, method, params) in [
        (2, "tools/call", json!({"name": "echo", "arguments": {}})),
        (3, "tools/list", json!({})),
        (4, "prompts/get", json!({"name": "review"})),
        (5, "resources/read", json!({"uri": "kb://articles/refunds"})),
    ] {
        let answer = host.method(id, method, params).await;
        assert_eq!(answer["error"]["message"], "not authenticated", "{method}");
    }
    assert_eq!(host.stub.seen.lock().unwrap().len(), 1);
    assert!(host.stub.refused.lock().unwrap().iter().all(|(why, _)| *why == AuthError::Missing));
    assert_eq!(host.stub.refused.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn b38_what_a_client_calls_itself_is_recorded_and_never_believed() {
    let mut host = Host::initialized().await;
    let params = json!({"name": "echo", "arguments": {"subject": "bob"}, "_meta": {"subject": "bob",
        "mcp-secure/dry-rum": true, "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}});
    let answer = host.method(1, "tools/call", params).await;
    assert_eq!(answer["result"]["structuredContent"]["caller"], "alice");
    let seen = host.stub.last();
    let name = seen.client_info.unwrap();
    assert!(name.starts_with("a[31mhost 999"), "{name}");
    assert_eq!(name.chars().count(), 120);
    assert_eq!(seen.own_meta, ["mcp-secure/dry-rum"]);
    assert!(seen.trace.unwrap().starts_with("00-0af7"));
}

#[tokio::test]
async fn bad_lines_are_answered_and_the_server_stays_up() {
    let mut host = Host::initialized().await;
    for (line, code) in [
        (b"{not json\n".to_vec(), -32700),
        (b"\xff\xfe\xfd\n".to_vec(), -32700),
        (b"\"\\ud800\"\n".to_vec(), -32700),
        (format!("{}\n", "[".repeat(5000)).into_bytes(), -32700),
        (b"[]\n".to_vec(), -32600),
        (b"42\n".to_vec(), -32600),
        (b"{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"ping\"}\n".to_vec(), -32600),
        (format!("{{\"x\":\"{}\"}}\n", "y".repeat(300 * 1024)).into_bytes(), -32600),
    ] {
        host.bytes(&line).await;
        let answer = host.next().await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().len() < 100, "{answer}");
    }
    // Nothing is answered to a notification, an empty line, or an answer nobody asked for.
    host.send(r#"{"jsonrpc":"2.0","method":"notifications/unheard-of","params":{"a":[1]}}"#).await;
    host.send("").await;
    host.send("\r").await;
    let answer =
        host.method(9, "tools/call", json!({"name": "echo", "arguments": {"text": "x"}})).await;
    assert_eq!(answer["id"], 9);
    assert_eq!(answer["result"]["structuredContent"]["arguments"]["text"], "x");
}

#[tokio::test]
async fn what_comes_before_a_session_has_begun_does_not_end_the_server() {
    let mut host = Host::start();
    host.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    host.send(r#"{"jsonrpc":"2.0","id":5,"result":{}}"#).await;
    host.send(r#"{"jsonrpc":"2.0","id":6,"method":"tools/list"}"#).await;
    assert_eq!(host.next().await["error"]["code"], -32602);
    assert!(host.method(7, "ping", json!({})).await.get("result").is_some());
}

#[tokio::test]
async fn a_request_of_the_2026_protocol_needs_no_session() {
    let mut host = Host::start();
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    let answer = host.method(1, "tools/list", json!({"_meta": meta})).await;
    assert_eq!(answer["result"]["cacheScope"], "private", "{answer}");
    assert_eq!(answer["result"]["ttlMs"], 0);
}

#[tokio::test]
async fn b24_parameters_of_the_wrong_shape_are_a_clear_error_without_the_parsers_words() {
    let mut host = Host::initialized().await;
    for params in [
        json!({"name": "echo", "arguments": "text"}),
        json!({"name": "echo", "arguments": [1]}),
        json!({"arguments": {}}),
        json!({"name": 5, "arguments": {}}),
    ] {
        let answer = host.method(1, "tools/call", params.clone()).await;
        assert_eq!(answer["error"]["code"], -32602, "{params} {answer}");
        let says = answer["error"]["message"].as_str().unwrap();
        assert_eq!(
            says,
            "the parameters of `tools/call` do not have the shape the protocol gives them"
        );
    }
    let answer = host.method(2, "tools/conjure\u{1b}[2J", json!({})).await;
    assert_eq!(answer["error"], json!({"code": -32601, "message": "method not found"}));
    assert!(host.stub.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_hidden_name_answers_like_one_that_does_not_exist() {
    let mut host = Host::initialized().await;
    let hidden =
        host.method(1, "tools/call", json!({"name": "secret_tool", "arguments": {}})).await;
    let absent =
        host.method(1, "tools/call", json!({"name": "\u{1b}]0;gone\u{7}", "arguments": {}})).await;
    assert_eq!(hidden["error"], json!({"code": -32602, "message": "unknown tool"}));
    assert_eq!(hidden, absent);
    assert_eq!(host.stub.last().target, Target::Tool("\u{1b}]0;gone\u{7}".into()));
}

#[tokio::test]
async fn lists_say_everything_in_one_order() {
    let mut host = Host::initialized().await;
    let answer = host.method(1, "tools/list", json!({})).await;
    let tools = answer["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["denied", "echo", "slow"]);
    assert_eq!(
        tools[1]["annotations"],
        json!({"readOnlyHint": true, "destructiveHint": false,
        "idempotentHint": true, "openWorldHint": false})
    );
    assert_eq!(tools[1]["title"], "A title");
    let prompts = host.method(2, "prompts/list", json!({})).await;
    assert_eq!(
        prompts["result"]["prompts"][0]["arguments"],
        json!([{"name": "text", "description": "What.", "required": true}])
    );
    let templates = host.method(3, "resources/templates/list", json!({})).await;
    assert_eq!(templates["result"]["resourceTemplates"][0]["uriTemplate"], "kb://articles/{slug}");
    assert_eq!(host.method(4, "resources/list", json!({})).await["result"]["resources"], json!([]));
    let read = host.method(5, "resources/read", json!({"uri": "kb://articles/refunds"})).await;
    assert_eq!(
        read["result"]["contents"][0],
        json!({"uri": "kb://articles/refunds",
        "mimeType": "text/markdown", "text": "# Refunds"})
    );
    let prompt = host.method(6, "prompts/get", json!({"name": "review"})).await;
    assert_eq!(prompt["result"]["messages"][0]["content"]["text"], "Review it.");
}

#[tokio::test]
async fn progress_arrives_before_the_answer() {
    let mut host = Host::initialized().await;
    let params = json!({"name": "slow", "arguments": {}, "_meta": {"progressToken": "p1"}});
    let first = host.method(1, "tools/call", params).await;
    assert_eq!(first["method"], "notifications/progress");
    assert_eq!(first["params"]["progressToken"], "p1");
    assert_eq!(host.next().await["params"]["progress"], 2.0);
    assert_eq!(host.next().await["result"]["structuredContent"], json!({"slow": true}));
}

#[tokio::test]
async fn a_cancelled_request_tells_the_pipeline() {
    let mut host = Host::initialized().await;
    host.send(
        r#"{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"slow","arguments":{}}}"#,
    )
    .await;
    while host.stub.seen.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    host.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4}}"#)
        .await;
    let cancelled = host.stub.last().cancelled;
    tokio::time::timeout(Duration::from_secs(2), cancelled.cancelled()).await.unwrap();
}

#[tokio::test]
async fn no_more_calls_are_begun_than_a_host_waits_for_and_all_are_answered_in_the_end() {
    let mut host = Host::initialized().await;
    for id in 0..400 {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": "slow", "arguments": {}}});
        host.send(&call.to_string()).await;
    }
    let begun = |host: &Host| host.stub.seen.lock().unwrap().len();
    let waited = std::time::Instant::now();
    while begun(&host) < 256 && waited.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(begun(&host), 256);
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(begun(&host), 256, "they take 300 ms each");
    let mut answered = std::collections::BTreeSet::new();
    while answered.len() < 400 {
        answered.insert(host.next().await["id"].as_u64().unwrap());
    }
    assert_eq!(begun(&host), 400);
}

#[tokio::test]
async fn the_server_ends_when_its_host_does_and_answers_what_it_had_begun() {
    let mut host = Host::initialized().await;
    host.send(
        r#"{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"slow","arguments":{}}}"#,
    )
    .await;
    host.input.shutdown().await.unwrap();
    assert_eq!(host.next().await["id"], 4);
    tokio::time::timeout(Duration::from_secs(5), host.server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_host_that_goes_away_at_once_is_no_failure() {
    let mut host = Host::start();
    host.input.shutdown().await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), host.server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn being_told_to_stop_before_a_session_has_begun_is_no_failure() {
    let (_host, theirs) = tokio::io::duplex(1024);
    let (input, output) = tokio::io::split(theirs);
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(Stub::new(), input, output, stop.clone()));
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), server).await.unwrap().unwrap().unwrap();
}
