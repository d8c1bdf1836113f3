use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::super::testkit::Stub;
use super::*;
use crate::identity::AuthError;
use crate::limit::Quota;

struct Site {
    addr: SocketAddr,
    stub: Arc<Stub>,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<()>,
}

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}\n{}", self.head, self.body))
    }
}

const COMMON: &str =
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";

impl Site {
    async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    async fn start_with(change: impl FnOnce(&mut HttpSettings)) -> Self {
        let mut settings = HttpSettings::new("127.0.0.1:0".parse().unwrap());
        settings.drain = Duration::from_secs(2);
        change(&mut settings);
        let server = HttpServer::bind(settings).await.unwrap();
        let addr = server.addr();
        let (stub, stop) = (Stub::new(), CancellationToken::new());
        let face: Arc<dyn Face> = Arc::<Stub>::clone(&stub);
        let serving = tokio::spawn(server.run(face, None, stop.clone()));
        Self { addr, stub, stop, served: serving }
    }

    /// One request over a connection of its own, with the headers as they are given.
    async fn raw(&self, request: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut bytes = Vec::new();
        let reading = stream.read_to_end(&mut bytes);
        tokio::time::timeout(Duration::from_secs(10), reading).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Reply { status, head: head.to_owned(), body: body.to_owned() }
    }

    async fn request(&self, line: &str, headers: &str, body: &str) -> Reply {
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
        );
        self.raw(request.as_bytes()).await
    }

    fn host(&self) -> String {
        format!("Host: {}\r\n", self.addr)
    }

    async fn post(&self, token: &str, more: &str, body: &Value) -> Reply {
        let headers = format!("{}{COMMON}Authorization: Bearer {token}\r\n{more}", self.host());
        self.request("POST /mcp", &headers, &body.to_string()).await
    }

    /// One call of the 2026-07-28 protocol.
    async fn call(&self, token: &str, name: &str, arguments: Value) -> Reply {
        let more = format!(
            "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {name}\r\n"
        );
        self.post(
            token,
            &more,
            &modern("tools/call", json!({"name": name, "arguments": arguments})),
        )
        .await
    }

    async fn open_session(&self, token: &str) -> Reply {
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
        self.post(token, "", &body).await
    }
}

fn modern(method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

#[tokio::test]
async fn b27_a_hostile_origin_with_a_good_host_gets_403_before_anybody_is_asked_who_they_are() {
    let site = Site::start().await;
    for path in ["POST /mcp", "GET /mcp", "GET /healthz", "POST /nowhere"] {
        let headers = format!(
            "{}{COMMON}Authorization: Bearer token-alice\r\nOrigin: http://evil.example\r\n",
            site.host()
        );
        let reply = site.request(path, &headers, "{}").await;
        assert_eq!(reply.status, 403, "{path}");
        assert_eq!(reply.json()["error"], "forbidden");
    }
    let reply = site.request("POST /mcp", &format!("Host: evil.example\r\n{COMMON}"), "{}").await;
    assert_eq!(reply.status, 403);
    assert!(site.stub.refused.lock().unwrap().is_empty());
    assert!(site.stub.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_call_without_a_good_token_gets_401_and_a_challenge() {
    let site = Site::start().await;
    let body = modern("tools/call", json!({"name": "echo", "arguments": {}})).to_string();
    let none = site.request("POST /mcp", &format!("{}{COMMON}", site.host()), &body).await;
    assert_eq!((none.status, none.header("www-authenticate")), (401, Some("Bearer")));
    for authorization in [
        "Bearer forged",
        "bearer token-nobody",
        "Bearer a b",
        "Bearer token-alice\r\nAuthorization: Bearer token-alice",
    ] {
        let headers = format!("{}{COMMON}Authorization: {authorization}\r\n", site.host());
        let reply = site.request("POST /mcp", &headers, &body).await;
        assert_eq!(reply.status, 401, "{authorization}");
        assert_eq!(
            reply.header("www-authenticate"),
            Some("Bearer error=\"invalid_token\""),
            "{authorization}"
        );
    }
    for line in ["GET /mcp", "DELETE /mcp", "PUT /mcp"] {
        assert_eq!(site.request(line, &site.host(), "").await.status, 401, "{line}");
    }
    assert!(site.stub.seen.lock().unwrap().is_empty());
    let refused = site.stub.refused.lock().unwrap();
    assert_eq!(refused.len(), 8);
    assert_eq!(refused[0], (AuthError::Missing, Transport::Http));
}

#[tokio::test]
async fn one_request_gets_one_json_answer() {
    let site = Site::start().await;
    let reply = site.call("token-alice", "echo", json!({"text": "x"})).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/json")),
        "{}",
        reply.body
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let result = &reply.json()["result"];
    assert_eq!(result["structuredContent"], json!({"caller": "alice", "arguments": {"text": "x"}}));
    let reply = site.call("token-dave", "denied", json!({})).await;
    assert_eq!(reply.json()["result"]["isError"], true);
    assert_eq!(site.stub.last().subject, "dave");
}

#[tokio::test]
async fn b15_each_caller_gets_their_own_list_and_nobody_may_keep_it() {
    let site = Site::start().await;
    let more = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/list\r\n";
    let mut lists = Vec::new();
    for token in ["token-alice", "token-dave", "token-mallory", "token-alice"] {
        let reply = site.post(token, more, &modern("tools/list", json!({}))).await;
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let result = reply.json()["result"].clone();
        assert_eq!((&result["cacheScope"], &result["ttlMs"]), (&json!("private"), &json!(0)));
        let names: Vec<String> = result["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["name"].as_str().unwrap().into())
            .collect();
        lists.push(names.join(","));
    }
    assert_eq!(lists, ["denied,echo,slow", "echo,secret_tool", "", "denied,echo,slow"]);
}

#[tokio::test]
async fn b26_a_session_id_is_worth_nothing_to_another_principal() {
    let site = Site::start().await;
    let opened = site.open_session("token-alice").await;
    assert_eq!(opened.status, 200, "{}", opened.body);
    let id = opened.header("mcp-session-id").unwrap().to_owned();
    let session = format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: 2025-06-18\r\n");
    let unknown = "Mcp-Session-Id: 00000000-0000-4000-8000-000000000000\r\nMCP-Protocol-Version: 2025-06-18\r\n";
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});

    let stolen = site.post("token-dave", &session, &list).await;
    let absent = site.post("token-dave", unknown, &list).await;
    assert_eq!((stolen.status, &stolen.body), (404, &absent.body));
    assert_eq!(absent.status, 404);
    let headers = |token: &str| {
        format!(
            "{}Accept: text/event-stream\r\nAuthorization: Bearer {token}\r\n{session}",
            site.host()
        )
    };
    for more in ["", "Last-Event-ID: 0\r\n"] {
        let reply = site.request("GET /mcp", &format!("{}{more}", headers("token-dave")), "").await;
        assert_eq!(reply.status, 404);
    }
    // Ending it does nothing either, though it sounds the same.
    assert_eq!(site.request("DELETE /mcp", &headers("token-dave"), "").await.status, 202);

    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(site.post("token-alice", &session, &initialized).await.status, 202);
    let own = site.post("token-alice", &session, &list).await;
    assert_eq!(own.status, 200);
    assert!(own.body.contains("echo"), "{}", own.body);
    assert_eq!(site.request("DELETE /mcp", &headers("token-alice"), "").await.status, 202);
    assert_eq!(site.post("token-alice", &session, &list).await.status, 404);
}

#[tokio::test]
async fn sessions_are_limited_for_one_principal_before_others_are_hurt() {
    let site = Site::start_with(|settings| {
        settings.max_sessions_each = 2;
        settings.max_sessions = 3;
    })
    .await;
    assert_eq!(site.open_session("token-alice").await.status, 200);
    assert_eq!(site.open_session("token-alice").await.status, 200);
    let full = site.open_session("token-alice").await;
    assert_eq!((full.status, full.json()["error"].as_str()), (503, Some("too_many_sessions")));
    assert_eq!(site.open_session("token-dave").await.status, 200);
    assert_eq!(site.open_session("token-mallory").await.status, 503);
}

#[tokio::test]
async fn b24_a_body_that_is_no_message_is_answered_without_the_parsers_words() {
    let site = Site::start().await;
    let headers = format!("{}{COMMON}Authorization: Bearer token-alice\r\n", site.host());
    for (body, code, id) in [
        ("{\"secret\": \"hunter2\"", -32700, Value::Null),
        ("", -32700, Value::Null),
        ("{\"jsonrpc\":\"2.0\",\"id\":7,\"hunter2\":1}", -32600, json!(7)),
        ("[{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}]", -32600, Value::Null),
        ("\"hunter2\"", -32600, Value::Null),
    ] {
        let reply = site.request("POST /mcp", &headers, body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(
            (&reply.json()["error"]["code"], &reply.json()["id"]),
            (&json!(code), &id),
            "{body}"
        );
        assert!(
            !reply.body.contains("hunter2") && !reply.body.contains("column"),
            "{}",
            reply.body
        );
    }
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{}",
        "[".repeat(5000)
    );
    assert_eq!(site.request("POST /mcp", &headers, &deep).await.status, 400);
}

#[tokio::test]
async fn non_utf_8_is_no_message() {
    let site = Site::start().await;
    let mut request = format!("POST /mcp HTTP/1.1\r\nContent-Length: 4\r\nConnection: close\r\n{}{COMMON}Authorization: Bearer token-alice\r\n\r\n", site.host()).into_bytes();
    request.extend_from_slice(b"\"\xff\xfe\"");
    let reply = site.raw(&request).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_i64()), (400, Some(-32700)));
}

#[tokio::test]
async fn a_body_over_the_limit_gets_413_declared_or_not() {
    let site = Site::start_with(|settings| settings.max_body_bytes = 1000).await;
    let headers = format!("{}{COMMON}Authorization: Bearer token-alice\r\n", site.host());
    let reply = site.request("POST /mcp", &headers, &"x".repeat(1001)).await;
    assert_eq!((reply.status, reply.json()["error"].as_str()), (413, Some("too_large")));
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 2000, "x".repeat(2000));
    let request = format!(
        "POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n{headers}\r\n{chunk}"
    );
    assert_eq!(site.raw(request.as_bytes()).await.status, 413);
}

#[tokio::test]
async fn a_client_that_takes_its_time_is_cut_off() {
    let site = Site::start_with(|settings| {
        settings.header_timeout = Duration::from_millis(200);
        settings.body_timeout = Duration::from_millis(200);
    })
    .await;
    let headers = format!("{}{COMMON}Authorization: Bearer token-alice\r\n", site.host());
    let slow_body = site
        .raw(format!("POST /mcp HTTP/1.1\r\nContent-Length: 50\r\n{headers}\r\n{{").as_bytes())
        .await;
    assert_eq!(slow_body.status, 408);
    let slow_head = site.raw(b"POST /mcp HTTP/1.1\r\nX-A: ").await;
    assert!(matches!(slow_head.status, 0 | 408), "{}", slow_head.status);
}

#[tokio::test]
async fn health_says_only_that() {
    let site = Site::start().await;
    let reply = site.request("GET /healthz", &site.host(), "").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "{\"status\":\"ok\"}"));
}

#[tokio::test]
async fn a_token_goes_no_further_than_the_door() {
    let site = Site::start().await;
    // What a client sends under the name of our own marker is a header and no more.
    let more = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\nCaller: bob\r\nX-User: bob\r\n";
    let body = modern("tools/call", json!({"name": "echo", "arguments": {}}));
    let reply = site.post("token-alice", more, &body).await;
    assert_eq!(reply.json()["result"]["structuredContent"]["caller"], "alice");
    assert!(!reply.body.contains("token-alice"));
}

#[tokio::test]
async fn a_server_that_stops_lets_a_call_end() {
    let site = Site::start().await;
    let (stop, stub) = (site.stop.clone(), Arc::clone(&site.stub));
    let stopping = tokio::spawn(async move {
        while stub.seen.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        stop.cancel();
    });
    let reply = site.call("token-alice", "slow", json!({})).await;
    assert_eq!(reply.json()["result"]["structuredContent"], json!({"slow": true}));
    stopping.await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), site.served).await.unwrap().unwrap();
    assert!(TcpStream::connect(site.addr).await.is_err());
}

#[tokio::test]
async fn a_client_that_goes_away_is_told_to_the_pipeline() {
    let site = Site::start().await;
    let body = modern("tools/call", json!({"name": "slow", "arguments": {}})).to_string();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nContent-Length: {}\r\n{}{COMMON}Authorization: Bearer token-alice\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: slow\r\n\r\n{body}",
        body.len(),
        site.host(),
    );
    let mut stream = TcpStream::connect(site.addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    while site.stub.seen.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop(stream);
    let cancelled = site.stub.last().cancelled;
    tokio::time::timeout(Duration::from_secs(2), cancelled.cancelled()).await.unwrap();
}

#[tokio::test]
async fn who_proves_nothing_again_and_again_hears_how_to_sign_in_and_does_not_flood_the_record() {
    let site = Site::start_with(|settings| {
        settings.strangers_per_peer = Quota::per_second(1).burst(5);
    })
    .await;
    for _ in 0..50 {
        let headers = format!("{}Authorization: Bearer nonsense\r\n{COMMON}", site.host());
        let reply = site.request("POST /mcp", &headers, "{}").await;
        assert_eq!(reply.status, 401);
        assert!(reply.header("www-authenticate").is_some(), "{}", reply.head);
    }
    assert!((5..=10).contains(&site.stub.refused.lock().unwrap().len()));
    assert_eq!(site.stub.turned_away.lock().unwrap().as_slice(), [("127.0.0.1".to_owned(), 0)]);
}

#[test]
fn an_address_has_so_many_requests_and_a_proxy_on_this_machine_has_no_limit() {
    let mut settings = HttpSettings::new("127.0.0.1:0".parse().unwrap());
    settings.requests_per_peer = Some(Quota::per_second(1).burst(3));
    let peers = peers::Peers::new(&settings);
    let (far, other) = (peers::Peer([192, 0, 2, 1].into()), peers::Peer([192, 0, 2, 2].into()));
    assert_eq!((0..10).filter(|_| peers.admit(far).is_ok()).count(), 3);
    assert!(peers.admit(other).is_ok());
    assert!((0..100).all(|_| peers.admit(peers::Peer([127, 0, 0, 1].into())).is_ok()));
}

/// A stream that listens to changes of tools and prompts.
async fn listening(site: &Site, token: &str) -> TcpStream {
    let body = modern(
        "subscriptions/listen",
        json!({"notifications": {"toolsListChanged": true, "promptsListChanged": true}}),
    )
    .to_string();
    let mut stream = TcpStream::connect(site.addr).await.unwrap();
    let request = format!(
        "POST /mcp HTTP/1.1\r\n{}{COMMON}Authorization: Bearer {token}\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: subscriptions/listen\r\nContent-Length: {}\r\n\r\n{body}",
        site.host(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// What has come when `last` is in it.
async fn until(stream: &mut TcpStream, last: &str) -> String {
    until_any(stream, &[last]).await
}

/// What has come when any of these is in it.
async fn until_any(stream: &mut TcpStream, last: &[&str]) -> String {
    let mut text = String::new();
    let reading = async {
        let mut bytes = [0; 4096];
        while !last.iter().any(|last| text.contains(last)) {
            let read = stream.read(&mut bytes).await.unwrap();
            assert_ne!(read, 0, "{text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(10), reading).await;
    assert!(came.is_ok(), "none of {last:?} in `{text}`");
    text
}

/// What comes while the lists change again and again. A subscription is acknowledged a moment before it listens, so one
/// change alone could come too early.
async fn hears(site: &Site, stream: &mut TcpStream, last: &str) -> String {
    hears_any(site, stream, &[last]).await
}

async fn hears_any(site: &Site, stream: &mut TcpStream, last: &[&str]) -> String {
    let changing = async {
        loop {
            site.stub.changes.send_modify(|version| *version += 1);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        heard = until_any(stream, last) => heard,
        never = changing => never,
    }
}

#[tokio::test]
async fn who_listens_hears_that_the_lists_asked_for_have_changed_and_no_others() {
    let site = Site::start().await;
    let mut stream = listening(&site, "token-alice").await;
    until(&mut stream, "subscriptions/acknowledged").await;
    let heard = hears(&site, &mut stream, "notifications/prompts/list_changed").await;
    assert!(heard.contains("notifications/tools/list_changed"), "{heard}");
    assert!(!heard.contains("resources/list_changed"), "{heard}");
}

#[tokio::test]
async fn an_account_listens_on_so_many_streams_and_another_is_not_held_up() {
    let site = Site::start().await;
    let mut streams = Vec::new();
    for _ in 0..16 {
        let mut stream = listening(&site, "token-alice").await;
        until(&mut stream, "subscriptions/acknowledged").await;
        hears(&site, &mut stream, "notifications/tools/list_changed").await;
        streams.push(stream);
    }
    let mut one_more = listening(&site, "token-alice").await;
    let refused = until(&mut one_more, "rate_limited").await;
    assert!(refused.contains("retry_after_ms"), "{refused}");
    let mut dave = listening(&site, "token-dave").await;
    hears(&site, &mut dave, "notifications/tools/list_changed").await;
    // One that is closed is free again: with the next change, or when rmcp has given up on its last answers after two seconds.
    drop(streams.pop());
    let free = async {
        loop {
            let mut again = listening(&site, "token-alice").await;
            let first = hears_any(&site, &mut again, &["rate_limited", "list_changed"]).await;
            if first.contains("list_changed") {
                break;
            }
            assert!(first.contains("retry_after_ms"), "{first}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let free = tokio::time::timeout(Duration::from_secs(10), free).await;
    assert!(free.is_ok(), "a stream that is closed holds its place");
}

/// Reads to the end of a stream, which has to come within these milliseconds and not before.
async fn ends_within(stream: &mut TcpStream, earliest: u64, latest: u64) -> String {
    let since = std::time::Instant::now();
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    let read = tokio::time::timeout(Duration::from_millis(latest), reading).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(read.is_ok(), "it is open still: {text}");
    assert!(since.elapsed() >= Duration::from_millis(earliest), "it ended too early: {text}");
    text
}

#[tokio::test]
async fn who_listens_is_heard_no_longer_than_their_token_counts() {
    let site = Site::start().await;
    let mut lasting = listening(&site, "token-dave").await;
    until(&mut lasting, "subscriptions/acknowledged").await;
    let mut stream = listening(&site, "token-alice~1500").await;
    hears(&site, &mut stream, "notifications/tools/list_changed").await;
    // The connection stays for other requests; it is the stream that ends, with a last empty chunk.
    let rest = until(&mut stream, "\r\n0\r\n\r\n").await;
    assert!(!rest.contains("error"), "{rest}");
    hears(&site, &mut lasting, "notifications/tools/list_changed").await;
    // The place among an account's streams is free again.
    for _ in 0..16 {
        let mut again = listening(&site, "token-alice~300").await;
        until(&mut again, "subscriptions/acknowledged").await;
        until(&mut again, "\r\n0\r\n\r\n").await;
    }
    let mut more = listening(&site, "token-alice").await;
    hears(&site, &mut more, "notifications/tools/list_changed").await;
}

#[tokio::test]
async fn a_stream_of_a_session_ends_with_the_token_that_opened_it_and_the_session_goes_on() {
    let site = Site::start().await;
    let opened = site.open_session("token-alice").await;
    let id = opened.header("mcp-session-id").unwrap().to_owned();
    let session = format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: 2025-06-18\r\n");
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(site.post("token-alice", &session, &initialized).await.status, 202);
    for (more, life) in [("", 800), ("Last-Event-ID: 0\r\n", 500)] {
        let mut stream = TcpStream::connect(site.addr).await.unwrap();
        let request = format!(
            "GET /mcp HTTP/1.1\r\n{}Accept: text/event-stream\r\nConnection: close\r\n{more}\
             Authorization: Bearer token-alice~{life}\r\n{session}\r\n",
            site.host()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let text = ends_within(&mut stream, life - 100, life + 5000).await;
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    }
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    let own = site.post("token-alice", &session, &list).await;
    assert!(own.body.contains("echo"), "{}", own.body);
}

#[tokio::test]
async fn a_call_that_began_in_time_is_answered_though_its_token_has_ended() {
    let site = Site::start().await;
    let reply = site.call("token-alice~50", "slow", json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn an_address_holds_so_many_connections_open_and_not_one_more() {
    let site = Site::start_with(|settings| {
        settings.connections_per_peer = Some(3);
        settings.loopback_is_limited = true;
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(site.addr).await.unwrap();
        let ask = format!("GET /healthz HTTP/1.1\r\n{}\r\n", site.host());
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut begins = [0; 12];
        stream.read_exact(&mut begins).await.unwrap();
        assert_eq!(&begins, b"HTTP/1.1 200");
        held.push(stream);
    }
    let mut one_more = TcpStream::connect(site.addr).await.unwrap();
    let mut said = String::new();
    one_more.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 429 ") && said.contains("Retry-After: 5"), "{said}");
    assert!(said.contains("too_many_connections"), "{said}");
    drop(held.pop());
    let again = async {
        while site.request("GET /healthz", &site.host(), "").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.unwrap();
}

#[tokio::test]
async fn without_sessions_every_request_of_a_legacy_client_stands_alone() {
    let site = Site::start_with(|settings| settings.sessions = false).await;
    let headers = format!("{}Authorization: Bearer token-alice\r\n{COMMON}", site.host());
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}});
    let reply = site.request("POST /mcp", &headers, &hello.to_string()).await;
    assert_eq!((reply.status, reply.header("mcp-session-id")), (200, None), "{}", reply.body);
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "echo", "arguments": {}}});
    let reply = site.request("POST /mcp", &headers, &call.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(site.stub.last().subject, "alice");
}
