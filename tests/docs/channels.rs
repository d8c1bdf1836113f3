//! What the guide shows of the channels is what a server says: the same keys, types, words, codes and numbers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::blocks::blocks;
use crate::harness::{
    Desk, Request, Response, Server, Stdio, declaring, mcp, refund_arguments, rpc, structured,
};
use crate::page;

/// What a page shows in a language, from top to bottom.
fn shown(page: &str, language: &str) -> Vec<String> {
    let all = blocks(language).into_iter();
    all.filter_map(|(name, text)| (name == page).then_some(text)).collect()
}

fn shown_json(page: &str) -> Vec<Value> {
    let read = |text: &String| {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{page}: {error}\n{text}"))
    };
    shown(page, "json").iter().map(read).collect()
}

/// A text without what is another one each time: ids, digests, times, the port of the server.
fn lasting(text: &str) -> String {
    let mut lasting = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = |of: fn(char) -> bool| {
            rest.char_indices().find(|(_, c)| !of(*c)).map_or(rest.len(), |(at, _)| at)
        };
        let hex = run(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
        let time = run(|c| c.is_ascii_digit() || "-:.TZ".contains(c));
        let (mark, length) = if hex == 32 || hex == 64 {
            ("ID", hex)
        } else if (20..=24).contains(&time) && rest[..time].ends_with('Z') {
            ("TIME", time)
        } else if let Some(port) = rest.strip_prefix("127.0.0.1:") {
            let digits = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
            ("HOST", "127.0.0.1:".len() + digits)
        } else {
            lasting.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        lasting.push_str(mark);
        rest = &rest[length..];
    }
    lasting
}

/// Where what a page shows differs from what a server says. Left out (`…`) is any text.
fn differs(at: &str, shown: &Value, said: &Value, into: &mut Vec<String>) {
    match (shown, said) {
        (Value::Object(shown), Value::Object(said)) => {
            for name in shown.keys().chain(said.keys()).collect::<BTreeSet<_>>() {
                let at = format!("{at}.{name}");
                match (shown.get(name), said.get(name)) {
                    (Some(shown), Some(said)) => differs(&at, shown, said, into),
                    (Some(_), None) => into.push(format!("{at} is shown, and not said")),
                    (None, _) => into.push(format!("{at} is said, and not shown: {said:?}")),
                }
            }
        }
        (Value::Array(shown), Value::Array(said)) if shown.len() == said.len() => {
            for (nth, (shown, said)) in shown.iter().zip(said).enumerate() {
                differs(&format!("{at}[{nth}]"), shown, said, into);
            }
        }
        (Value::String(shown), Value::String(said))
            if (shown == "…" && !said.is_empty()) || lasting(shown) == lasting(said) => {}
        _ if shown == said => {}
        _ => into.push(format!("{at}: shown {shown}, said {said}")),
    }
}

#[track_caller]
fn is_what_is_said(page: &str, shown: &Value, said: &Value) {
    let mut found = Vec::new();
    differs("", shown, said, &mut found);
    assert!(found.is_empty(), "{page}: {found:#?}");
}

fn refund() -> Value {
    json!({"name": "request_refund", "arguments": refund_arguments()})
}

fn tasks() -> Value {
    json!({"extensions": {"io.modelcontextprotocol/tasks": {}}})
}

fn links() -> Value {
    json!({"elicitation": {"url": {}}})
}

fn send(server: &Server, token: &str, capabilities: &Value, method: &str, params: Value) -> Value {
    mcp(token, &declaring(capabilities, 1, method, params)).send(server.address).message()
}

#[test]
fn what_is_volatile_and_nothing_else_may_differ() {
    let id = "apr_8e560aef65e253b2bd701bbe5267e974";
    assert_eq!(lasting(&format!("at http://127.0.0.1:8080/x/{id}.")), "at http://HOST/x/apr_ID.");
    assert_eq!(lasting("2026-11-22T20:59:28.854Z"), "TIME");
    assert_eq!(lasting("from 2026-11-22T20:59:28Z on"), "from TIME on");
    assert_eq!(lasting("NOT EXECUTED: 24 h"), "NOT EXECUTED: 24 h");
    let found = |shown: Value, said: Value| {
        let mut found = Vec::new();
        differs("", &shown, &said, &mut found);
        found.len()
    };
    assert_eq!(
        found(
            json!({"a": "…", "b": id}),
            json!({"a": "x", "b": format!("apr_{}", "0".repeat(32))})
        ),
        0
    );
    assert_eq!(found(json!({"a": 1}), json!({"a": 2})), 1);
    assert_eq!(found(json!({"a": 1}), json!({"a": "1"})), 1);
    assert_eq!(found(json!({"a": 1}), json!({})), 1);
    assert_eq!(found(json!({}), json!({"a": null})), 1);
    assert_eq!(found(json!(["a"]), json!(["a", "a"])), 1);
    assert_eq!(found(json!("approval_required"), json!("approval_denied")), 1);
}

#[test]
fn the_page_on_the_plain_result_shows_what_a_server_answers() {
    let name = "channels-plain.md";
    let desk = Desk::new();
    let server = desk.serve();
    let said = send(&server, &desk.token("alice"), &json!({}), "tools/call", refund());
    let said = &said["result"];
    let [shown] = shown_json(name).try_into().unwrap();
    is_what_is_said(name, &shown, structured(said));
    assert_eq!(said["isError"], json!(true), "{said:#}");
    let words = self::shown(name, "text");
    assert_eq!(said["content"][1]["text"].as_str(), words.first().map(String::as_str), "{said:#}");
    let json: Value = serde_json::from_str(said["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(&json, structured(said), "the same once more");
}

#[test]
fn the_page_on_tasks_shows_what_a_server_answers() {
    let name = "channels-tasks.md";
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let [made, unknown, denied] = shown_json(name).try_into().unwrap();
    let said = send(&server, &alice, &tasks(), "tools/call", refund());
    is_what_is_said(name, &made, &said["result"]);
    let id = said["result"]["taskId"].as_str().unwrap().to_owned();

    let look = json!({"taskId": id});
    let said = send(&server, &desk.token("bob"), &tasks(), "tasks/get", look.clone());
    is_what_is_said(name, &unknown, &said["error"]);
    let said = send(&server, &alice, &json!({}), "tasks/get", look.clone());
    assert_eq!(said["error"]["code"], json!(-32021), "{said:#}");
    assert!(page(name).contains("(error -32021)"));
    for method in ["tasks/cancel", "tasks/update"] {
        let none = json!({"taskId": format!("apr_{}", "0".repeat(32)), "inputResponses": {}});
        let said = send(&server, &alice, &tasks(), method, none);
        is_what_is_said(name, &unknown, &said["error"]);
    }

    let said = send(&server, &alice, &tasks(), "tasks/get", look.clone());
    let waits = said["result"]["statusMessage"].as_str().unwrap().split(", at").next().unwrap();
    assert!(page(name).contains(&format!("`{waits}`")), "{waits}");
    desk.run(&["approvals", "deny", &id, "--as", "bob", "--reason", "no"]).succeeded();
    let said = send(&server, &alice, &tasks(), "tasks/get", look);
    is_what_is_said(name, &denied, &said["result"]);
}

#[test]
fn the_page_on_links_shows_what_a_server_answers() {
    let name = "channels-url-elicitation.md";
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let said = send(&server, &alice, &links(), "tools/call", refund());
    let [shown] = shown_json(name).try_into().unwrap();
    is_what_is_said(name, &shown, &said["result"]);
    // What is brought back for another call is refused as the page says.
    let mut other = refund();
    other["arguments"]["amount_cents"] = json!(1);
    other["requestState"] = said["result"]["requestState"].clone();
    let said = send(&server, &alice, &links(), "tools/call", other);
    let code = structured(&said["result"])["code"].as_str().unwrap().to_owned();
    assert!(page(name).contains(&format!("(`{code}`)")), "{code}");
}

#[test]
fn the_page_on_links_in_a_session_shows_what_a_server_asks() {
    let name = "channels-legacy.md";
    let desk = Desk::new();
    let serve = ["serve", "--stdio", "--as", "alice", "--inbox-url", "http://127.0.0.1:8080"];
    let mut session = Stdio::start(desk.command(&serve));
    let hello = json!({"jsonrpc": "2.0", "id": 1000, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": links(),
        "clientInfo": {"name": "by hand", "version": "1"},
    }});
    session.result(&hello);
    session.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let call = json!({"jsonrpc": "2.0", "id": 1001, "method": "tools/call", "params": refund()});
    session.send(call.to_string().as_bytes());
    let asked = session.next();
    let [shown] = shown_json(name).try_into().unwrap();
    let text = page(name);
    let names = |method: &Value| text.contains(&format!("`{}`", method.as_str().unwrap()));
    assert!(names(&asked["method"]), "{asked:#}");
    let mut params = asked["params"].clone();
    // A token for progress, as the SDK gives every request of its own.
    params.as_object_mut().unwrap().remove("_meta");
    is_what_is_said(name, &shown, &params);
    let declined = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "decline"}});
    session.send(declined.to_string().as_bytes());
    let result = session.next()["result"].clone();
    // As on the page that this one leads to.
    let [plain] = shown_json("channels-plain.md").try_into().unwrap();
    is_what_is_said("channels-plain.md", &plain, structured(&result));
    let id = structured(&result)["approval_id"].as_str().unwrap();
    desk.approve(id, "bob");
    let told = session.next();
    assert!(names(&told["method"]), "{told:#}");
    assert_eq!(told["params"], json!({"elicitationId": id}));
}

/// The first column of the tables of a section, a name or several in backticks each.
fn named_in(page_name: &str, section: &str) -> BTreeSet<String> {
    let text = page(page_name);
    let (_, rest) = text.split_once(&format!("\n### {section}\n")).unwrap();
    let section = rest.split("\n##").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| {
        let first = row.split(" | ").next().unwrap();
        first.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect::<Vec<_>>()
    })
    .collect()
}

fn keys(of: &Value) -> BTreeSet<String> {
    of.as_object().unwrap().keys().cloned().collect()
}

struct Api {
    desk: Desk,
    server: Server,
}

impl Api {
    fn send(&self, who: &str, method: &str, path: &str, body: &str) -> Response {
        let token = self.desk.decision_token(who);
        Request::new(method, &format!("/approvals/v1/{path}"))
            .header("authorization", &format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body)
            .send(self.server.address)
    }

    fn json(&self, who: &str, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let response = self.send(who, method, path, &body);
        serde_json::from_str(&response.body).unwrap_or_else(|e| panic!("{e}: {response:#?}"))
    }

    fn asked(&self, order: u32) -> String {
        let arguments =
            json!({"order_id": format!("ord_{order}"), "amount_cents": 1_500, "reason": "damaged"});
        let call = rpc(1, "tools/call", json!({"name": "request_refund", "arguments": arguments}));
        let asked = mcp(&self.desk.token("alice"), &call).send(self.server.address).result();
        structured(&asked)["approval_id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn the_page_on_the_decision_api_shows_what_a_server_answers() {
    let name = "decision-api.md";
    let desk = Desk::new();
    let server = desk.serve();
    let api = Api { desk, server };
    let [none, decision, no_runs, stale] = shown_json(name).try_into().unwrap();
    is_what_is_said(name, &none, &api.json("bob", "GET", "requests", &Value::Null));
    is_what_is_said(name, &no_runs, &api.json("bob", "GET", "runs", &Value::Null));

    let id = api.asked(5010);
    let path = format!("requests/{id}/decision");
    // What the page sends is taken for what it is: a decision on something else.
    is_what_is_said(name, &stale, &api.json("bob", "POST", &path, &decision));
    let request = api.json("bob", "GET", &format!("requests/{id}"), &Value::Null);
    assert_eq!(keys(&request), named_in(name, "A request"));
    let requester: BTreeSet<String> = keys(&request["requester"]);
    for field in &requester {
        assert!(
            page(name).contains(&format!("`{field}`")),
            "`requester.{field}` is not on the page"
        );
    }
    let mut good = decision.clone();
    good["digest"] = request["digest"].clone();
    let decided = api.json("bob", "POST", &path, &good);
    assert_eq!(keys(&decided), named_in(name, "A request"));
    for field in keys(&decided["votes"][0]) {
        assert!(page(name).contains(&format!("`{field}`")), "`votes.{field}` is not on the page");
    }
    assert_eq!(keys(&good), named_in(name, "`POST /requests/{id}/decision`"));

    // It runs, so that there is a run.
    let paid =
        rpc(1, "tools/call", json!({"name": "request_refund", "arguments": request["arguments"]}));
    mcp(&api.desk.token("alice"), &paid).send(api.server.address).result();
    let runs = api.json("bob", "GET", "runs", &Value::Null);
    assert_eq!(
        keys(&runs["runs"][0]),
        named_in(name, "A run")
            .into_iter()
            .filter(|n| {
                // Parts of one of them.
                !["until", "taken_by"].contains(&n.as_str())
            })
            .collect()
    );
}

#[test]
fn what_the_decision_api_refuses_it_refuses_as_its_page_says() {
    let name = "decision-api.md";
    let desk = Desk::new();
    let server = desk.serve();
    let api = Api { desk, server };
    let id = api.asked(5010);
    let digest = |id: &str| {
        api.json("bob", "GET", &format!("requests/{id}"), &Value::Null)["digest"].clone()
    };
    let approve = json!({"digest": digest(&id), "verdict": "approve"}).to_string();
    let stale = json!({"digest": "0".repeat(64), "verdict": "approve"}).to_string();
    let at = format!("requests/{id}/decision");
    let expired = api.asked(5011);
    let of_expired = json!({"digest": digest(&expired), "verdict": "deny"}).to_string();
    api.desk.let_expire(&expired);
    let long =
        json!({"digest": digest(&id), "verdict": "deny", "reason": "x".repeat(20_000)}).to_string();
    let agents = api.desk.token("bob");
    let nothing = "{}";
    let scope = r#"{"scope": "everything", "off": true}"#;
    let over = format!("requests/{expired}/decision");
    let withdraw = format!("requests/{expired}/withdraw");
    let said = [
        api.send("bob", "POST", &at, nothing),
        api.send("bob", "GET", "requests?sort=up", ""),
        Request::new("GET", "/approvals/v1/requests")
            .header("authorization", &format!("Bearer {agents}"))
            .send(api.server.address),
        Request::new("GET", "/approvals/v1/requests")
            .header("authorization", &format!("Bearer {}", api.desk.decision_token("bob")))
            .header("origin", "https://evil.example")
            .send(api.server.address),
        api.send("bob", "POST", "switches", scope),
        api.send("alice", "POST", &at, &approve),
        api.send("erin", "POST", &at, &approve),
        api.send("bob", "GET", &format!("requests/apr_{}", "0".repeat(32)), ""),
        api.send("bob", "POST", "switches", r#"{"scope": "tool:no_such_tool", "off": true}"#),
        api.send("bob", "DELETE", "requests", ""),
        api.send("bob", "POST", &at, &stale),
        api.send("bob", "POST", &over, &of_expired),
        api.send("alice", "POST", &withdraw, nothing),
        api.send("bob", "POST", &at, &long),
        api.send("bob", "POST", &at, &approve),
        api.send("carol", "POST", &at, &approve),
    ];
    let text = page(name);
    let mut seen = BTreeSet::new();
    for response in &said {
        if response.status == 200 {
            continue;
        }
        let body: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(
            keys(&body),
            keys(&json!({"error": 0, "error_description": 0})),
            "{response:#?}"
        );
        let code = body["error"].as_str().unwrap();
        let row = |line: &str| {
            line.starts_with("| ")
                && line.contains(&response.status.to_string())
                && line.contains(&format!("`{code}`"))
        };
        assert!(text.lines().any(row), "{} `{code}` is not on the page", response.status);
        seen.insert(code.to_owned());
    }
    for code in [
        "bad_request",
        "unauthorized",
        "forbidden",
        "permission_denied",
        "not_found",
        "method_not_allowed",
        "stale_digest",
        "expired",
        "too_late",
        "too_large",
        "not_pending",
    ] {
        assert!(seen.contains(code), "{code} did not happen: {seen:?}");
    }
}
