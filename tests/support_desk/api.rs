//! Deciding over HTTP: by the API itself, and by the command line at a server elsewhere.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{
    Desk, Finished, Request, Response, Server, call, mcp, refund_arguments, refusal_code,
    structured,
};

fn get(server: &Server, token: &str, path: &str) -> Response {
    Request::new("GET", &format!("/approvals/v1/{path}"))
        .header("authorization", &format!("Bearer {token}"))
        .send(server.address)
}

fn post(server: &Server, token: &str, path: &str, body: &Value) -> Response {
    Request::new("POST", &format!("/approvals/v1/{path}"))
        .header("authorization", &format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(body.to_string())
        .send(server.address)
}

fn json_of(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap_or_else(|e| panic!("no JSON ({e}): {response:#?}"))
}

#[track_caller]
fn done(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{response:#?}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    json_of(response)
}

#[track_caller]
fn refused(response: &Response, status: u16, code: &str) {
    assert_eq!(
        (response.status, &json_of(response)["error"]),
        (status, &json!(code)),
        "{response:#?}"
    );
}

/// What an agent asks for, and the request for it.
fn asked(server: &Server, token: &str, tool: &str, arguments: &Value) -> String {
    let asked = server.ask(token, tool, arguments);
    assert_eq!(refusal_code(&asked), "approval_required", "{asked:#}");
    structured(&asked)["approval_id"].as_str().unwrap().to_owned()
}

fn vote(server: &Server, token: &str, id: &str, verdict: &str) -> Response {
    let shown = get(server, token, &format!("requests/{id}"));
    let digest = json_of(&shown)["digest"].clone();
    let body = json!({"digest": digest, "verdict": verdict, "reason": "seen"});
    post(server, token, &format!("requests/{id}/decision"), &body)
}

fn closing() -> Value {
    json!({"customer_id": "cus_1003", "reason": "asked for by the customer"})
}

#[test]
fn two_leads_close_an_account_over_the_decision_api() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let id = asked(&server, &alice, "close_account", &closing());
    let [bob, carol] = ["bob", "carol"].map(|name| desk.decision_token(name));
    let waiting = done(&get(&server, &bob, "requests?state=pending&tool=close_account"));
    assert_eq!(waiting["requests"][0]["id"], json!(id), "{waiting:#}");

    let first = done(&vote(&server, &bob, &id, "approve"));
    assert_eq!((&first["state"], &first["approvals"]), (&json!("pending"), &json!(1)), "{first:#}");
    assert_eq!(first["votes"][0]["identity"], json!("asserted"), "a sandbox says so: {first:#}");
    refused(&vote(&server, &bob, &id, "approve"), 409, "already_voted");
    assert_eq!(refusal_code(&server.ask(&alice, "close_account", &closing())), "approval_required");
    let second = done(&vote(&server, &carol, &id, "approve"));
    assert_eq!(second["state"], json!("approved"), "{second:#}");
    refused(&vote(&server, &carol, &id, "deny"), 409, "not_pending");
    let closed = server.ask(&alice, "close_account", &closing());
    assert_eq!(structured(&closed)["status"], json!("closed"), "{closed:#}");

    // Each try is on record: the attempt, and how it ended.
    let decisions = desk.records(&["--outcome", "decision"]);
    let ended =
        |code: &str| decisions.iter().filter(|record| record["outcome"]["code"] == code).count();
    assert_eq!((ended("decided"), ended("vote_refused")), (2, 2), "{decisions:#?}");
    desk.effects_are_on_record();
    desk.audit_holds();
}

#[test]
fn b30_b37_who_asked_and_what_asked_decide_nothing() {
    let desk = Desk::new();
    let server = desk.serve();
    let bob = desk.token("bob");
    let id = asked(&server, &bob, "request_refund", &refund_arguments());
    // The agent's own token opens nothing here, and a token for decisions calls no tool.
    let agent = get(&server, &bob, "requests");
    refused(&agent, 401, "unauthorized");
    assert_eq!(agent.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    let own = desk.decision_token("bob");
    let tool = mcp(&own, &call(1, "request_refund", refund_arguments())).send(server.address);
    assert_eq!(tool.status, 401, "{tool:#?}");
    // Bob himself sees what he asked for, and does not decide on it.
    refused(&vote(&server, &own, &id, "approve"), 403, "own_request");
    // Who has no lead's role does not see it; who is of another tenant neither.
    for name in ["mallory", "erin"] {
        let token = desk.decision_token(name);
        let there = get(&server, &token, &format!("requests/{id}"));
        let nowhere = get(&server, &token, "requests/apr_00000000000000000000000000000000");
        assert_eq!((there.status, &there.body), (404, &nowhere.body), "{name}");
        let body = json!({"digest": "0".repeat(64), "verdict": "approve"});
        let vote = post(&server, &token, &format!("requests/{id}/decision"), &body);
        assert_eq!((vote.status, &vote.body), (404, &nowhere.body), "{name}");
    }
    let carol = desk.decision_token("carol");
    let other = json!({"digest": "0".repeat(64), "verdict": "approve"});
    refused(
        &post(&server, &carol, &format!("requests/{id}/decision"), &other),
        409,
        "stale_digest",
    );
    assert_eq!(done(&get(&server, &carol, &format!("requests/{id}")))["state"], json!("pending"));
    assert_eq!(desk.effects("refund.paid"), 0);
}

/// A token of the local issuer that its command line would not make: with the key, as whoever can read the folder has it.
fn forged(desk: &Desk, claims: &Value) -> String {
    let key = std::fs::read_to_string(desk.data().join("local-issuer.key")).unwrap();
    let key: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap()).collect();
    // What precedes the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410 section 7).
    let prefix = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    let key = jsonwebtoken::EncodingKey::from_ed_der(&[prefix.as_slice(), &key].concat());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut all = json!({
        "iss": "urn:mcp-secure:local", "sub": "bob", "aud": "support-desk:approvals", "exp": now + 600, "iat": now,
        "client_id": "local-approvals", "tenant": "acme", "roles": ["support", "support_lead"],
        "scope": "approvals:decide", "person": "bob", "identity": "asserted",
    });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    header.typ = Some("at+jwt".to_owned());
    jsonwebtoken::encode(&header, &all, &key).unwrap()
}

#[test]
fn a_token_has_to_be_for_this_and_for_nothing_else() {
    let desk = Desk::new();
    let server = desk.serve();
    let id = asked(&server, &desk.token("alice"), "request_refund", &refund_arguments());
    done(&get(&server, &forged(&desk, &json!({})), "requests"));
    for (claims, status, code) in [
        (json!({"aud": "support-desk"}), 401, "unauthorized"),
        (json!({"aud": ["support-desk:approvals", "support-desk"]}), 401, "unauthorized"),
        (json!({"aud": "other:approvals"}), 401, "unauthorized"),
        (json!({"exp": 1}), 401, "unauthorized"),
        (json!({"scope": null}), 403, "insufficient_scope"),
        (json!({"scope": "approvals:read"}), 403, "insufficient_scope"),
    ] {
        let token = forged(&desk, &claims);
        refused(&get(&server, &token, "requests"), status, code);
        let body = json!({"digest": "0".repeat(64), "verdict": "approve"});
        let vote = post(&server, &token, &format!("requests/{id}/decision"), &body);
        refused(&vote, status, code);
        if status == 403 {
            let challenge = "Bearer error=\"insufficient_scope\", scope=\"approvals:decide\"";
            assert_eq!(vote.header("www-authenticate"), Some(challenge));
        }
    }
    // No person, somebody who acts for one, and the very client that asked.
    for (claims, code) in [
        (json!({"person": null}), "no_person"),
        (json!({"act": {"sub": "agent"}}), "delegated"),
        (json!({"client_id": "local-token"}), "same_client"),
        (json!({"person": "alice"}), "own_request"),
    ] {
        refused(&vote(&server, &forged(&desk, &claims), &id, "approve"), 403, code);
    }
}

#[test]
fn hostile_json_changes_nothing() {
    let desk = Desk::new();
    let server = desk.serve();
    let id = asked(&server, &desk.token("alice"), "request_refund", &refund_arguments());
    let bob = desk.decision_token("bob");
    let digest = done(&get(&server, &bob, &format!("requests/{id}")))["digest"].clone();
    for body in [
        json!({"digest": digest, "verdict": "approve", "extra": true}),
        json!({"digest": digest, "verdict": "APPROVE"}),
        json!({"digest": digest, "verdict": {"approve": true}}),
        json!({"digest": digest, "verdict": "approve", "reason": {"a": "b"}}),
        json!([{"digest": digest, "verdict": "approve"}]),
    ] {
        refused(
            &post(&server, &bob, &format!("requests/{id}/decision"), &body),
            400,
            "bad_request",
        );
    }
    let long = json!({"digest": digest, "verdict": "deny", "reason": "x".repeat(20_000)});
    refused(&post(&server, &bob, &format!("requests/{id}/decision"), &long), 413, "too_large");
    let form = Request::new("POST", &format!("/approvals/v1/requests/{id}/decision"))
        .header("authorization", &format!("Bearer {bob}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("verdict=approve")
        .send(server.address);
    refused(&form, 415, "unsupported_media_type");
    let foreign = Request::new("GET", "/approvals/v1/requests")
        .header("authorization", &format!("Bearer {bob}"))
        .header("origin", "https://evil.example")
        .send(server.address);
    refused(&foreign, 403, "forbidden");
    assert_eq!(done(&get(&server, &bob, &format!("requests/{id}")))["state"], json!("pending"));
    // A reason that tries something is kept as it is and shown as it is not.
    let evil = json!({"digest": digest, "verdict": "deny", "reason": "\u{1b}[2J<script>\u{202e}"});
    done(&post(&server, &bob, &format!("requests/{id}/decision"), &evil));
    let shown = desk.run(&["approvals", "show", &id, "--as", "bob", "--format", "table"]);
    let told = &shown.succeeded().stdout;
    assert!(told.contains("<script>") && !told.contains(['\u{1b}', '\u{202e}']), "{shown:#?}");
}

#[test]
fn b28_a_store_that_can_not_be_written_takes_no_decision() {
    let desk = Desk::new();
    let server = desk.serve();
    let id = asked(&server, &desk.token("alice"), "request_refund", &refund_arguments());
    let bob = desk.decision_token("bob");
    let store = rusqlite::Connection::open(desk.data().join("mcp-secure.sqlite")).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    let down = vote(&server, &bob, &id, "approve");
    refused(&down, 503, "unavailable");
    assert!(down.header("retry-after").is_some() && !down.body.contains("sqlite"), "{down:#?}");
    store.execute_batch("ROLLBACK").unwrap();
    assert_eq!(done(&get(&server, &bob, &format!("requests/{id}")))["votes"], json!([]));
    assert_eq!(done(&vote(&server, &bob, &id, "approve"))["state"], json!("approved"));
}

/// The command line at the server, as whom the token is of. It has no data folder.
fn at(server: &Server, token: &str, arguments: &[&str]) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(crate::harness::program());
    command.current_dir(folder.path()).env_clear();
    command.env("MCP_SECURE_SERVER", format!("http://{}", server.address));
    command.env("MCP_SECURE_TOKEN", token).args(arguments);
    let finished = Finished::of(&mut command);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it left something behind");
    finished
}

#[test]
fn the_command_line_decides_at_a_server_elsewhere() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let id = asked(&server, &alice, "request_refund", &refund_arguments());
    let bob = desk.decision_token("bob");
    let waiting =
        at(&server, &bob, &["approvals", "list", "--state", "pending", "--format", "json"]);
    assert_eq!(waiting.json()[0]["id"], json!(id));
    let here = desk.run(&["approvals", "list", "--as", "bob", "--format", "json"]);
    assert_eq!(waiting.json(), here.json(), "the same request reads the same everywhere");
    let table = at(&server, &bob, &["approvals", "list", "--format", "table"]);
    assert!(table.succeeded().stdout.contains("request_refund"), "{table:#?}");
    let shown = at(&server, &bob, &["approvals", "show", &id, "--format", "table"]);
    assert!(shown.succeeded().stdout.contains("amount_cents = 12000"), "{shown:#?}");

    let stale = "0".repeat(64);
    let refused = at(&server, &bob, &["approvals", "approve", &id, "--digest", &stale]);
    refused.exited_with(1);
    assert!(
        refused.stderr.contains("is not the one that was shown")
            && refused.stderr.contains("stale_digest")
    );
    let approved =
        at(&server, &bob, &["approvals", "approve", &id, "--reason", "seen", "--format", "table"]);
    assert!(approved.succeeded().stderr.contains("the request is `approved`"), "{approved:#?}");
    let paid = server.ask(&alice, "request_refund", &refund_arguments());
    assert_eq!(structured(&paid)["status"], json!("refunded"), "{paid:#}");

    let runs = at(&server, &bob, &["runs", "list", "--state", "done", "--format", "json"]);
    let run = runs.json()[0]["id"].as_str().unwrap().to_owned();
    at(&server, &bob, &["runs", "show", &run]).succeeded();
    let undone = at(
        &server,
        &bob,
        &["runs", "rollback", &run, "--reason", "wrong order", "--format", "json"],
    );
    assert_eq!(undone.json()["rolled_back"], json!(true));
    let again = at(&server, &bob, &["runs", "rollback", &run]);
    again.exited_with(1);
    assert!(again.stderr.contains("not rolled back (not_rolled_back)"), "{again:#?}");
    let settled = at(&server, &bob, &["runs", "resolve", &run, "--done", "--reason", "looked"]);
    settled.exited_with(1);
    assert!(settled.stderr.contains("there is nothing to resolve"), "{settled:#?}");

    let off = at(&server, &bob, &["switch", "off", "tool:request_refund", "--format", "table"]);
    assert!(off.succeeded().stderr.contains("is off, everywhere"), "{off:#?}");
    let listed = at(&server, &bob, &["switch", "list", "--format", "json"]);
    assert_eq!(listed.json()[0]["scope"], json!("tool:request_refund"));
    at(&server, &bob, &["switch", "on", "tool:request_refund"]).succeeded();
    desk.audit_holds();
}

#[test]
fn a_request_is_taken_back_by_who_made_it() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let id = asked(&server, &alice, "request_refund", &refund_arguments());
    let other = at(&server, &desk.decision_token("bob"), &["approvals", "withdraw", &id]);
    other.exited_with(1);
    assert!(other.stderr.contains("(not_found)"), "{other:#?}");
    let own = at(
        &server,
        &desk.decision_token("alice"),
        &["approvals", "withdraw", &id, "--format", "json"],
    );
    assert_eq!(own.json()["state"], json!("withdrawn"));
    refused(&vote(&server, &desk.decision_token("bob"), &id, "approve"), 409, "not_pending");

    let next = asked(&server, &alice, "request_refund", &refund_arguments());
    desk.run(&["approvals", "withdraw", &next, "--as", "bob"]).exited_with(1);
    let taken = desk.run(&["approvals", "withdraw", &next, "--as", "alice", "--format", "table"]);
    assert!(taken.succeeded().stderr.contains("taken back by alice"), "{taken:#?}");
    // Saying it again changes nothing.
    desk.run(&["approvals", "withdraw", &next, "--as", "alice"]).succeeded();

    let last = asked(&server, &alice, "request_refund", &refund_arguments());
    done(&vote(&server, &desk.decision_token("bob"), &last, "deny"));
    let late = desk.run(&["approvals", "withdraw", &last, "--as", "alice"]);
    assert!(late.exited_with(1).stderr.contains("was not taken back"), "{late:#?}");
}

#[test]
fn what_is_wrong_with_a_server_or_a_token_is_told_with_what_helps() {
    let desk = Desk::new();
    let server = desk.serve();
    let bob = desk.decision_token("bob");
    let list = ["approvals", "list"];
    let token = desk.token("bob");
    let wrong = at(&server, &token, &list);
    assert!(wrong.exited_with(1).stderr.contains("token --as NAME --for approvals"), "{wrong:#?}");
    assert!(!wrong.stderr.contains(&token), "a token is not shown");
    assert!(
        at(&server, "", &list).exited_with(2).stderr.contains("what was given as a token is none")
    );
    let both = at(&server, &bob, &["approvals", "list", "--as", "bob"]);
    assert!(both.exited_with(2).stderr.contains("leave out `--as`"), "{both:#?}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{bob}\n")).unwrap();
    let file = file.to_str().unwrap();
    let url = format!("http://{}/", server.address);
    let of_file = desk.run(&[
        "approvals",
        "list",
        "--server",
        &url,
        "--token-file",
        file,
        "--format",
        "json",
    ]);
    assert_eq!(of_file.json(), json!([]));
    for (arguments, code, says) in [
        (
            &["--server", "http://mcp.example.com", "--token-file", file][..],
            2,
            "has to be asked by https",
        ),
        (&["--server", "mcp.example.com", "--token-file", file], 2, "is no address"),
        (&["--server", "https://bob@mcp.example.com", "--token-file", file], 2, "without user"),
        (&["--server", "http://127.0.0.1:1", "--token-file", file], 1, "can not be reached"),
        (&["--server", &url, "--token-file", "/nonexistent"], 1, "the token file `/nonexistent`"),
        (&["--server", &url], 2, "put it into `MCP_SECURE_TOKEN`"),
        (&["--token-file", file], 2, "--server"),
        (&[], 2, "--as"),
    ] {
        let finished = desk.run(&[&list[..], arguments].concat());
        assert!(finished.exited_with(code).stderr.contains(says), "{arguments:?}: {finished:#?}");
    }
    let elsewhere = format!("http://{}/mcp", server.address);
    let odd = desk.run(&["approvals", "list", "--server", &elsewhere, "--token-file", file]);
    assert!(odd.exited_with(1).stderr.contains("there is nothing here"), "{odd:#?}");
}

#[test]
fn one_time_links_are_made_on_the_command_line() {
    let desk = Desk::new();
    let server = desk.serve();
    let at = format!("http://{}", server.address);
    let link = desk.run(&["inbox", "link", "--as", "bob", "--inbox-url", &at, "--expires", "1m"]);
    let link = link.succeeded().stdout.trim().to_owned();
    let path = link.strip_prefix(&at).unwrap_or_else(|| panic!("{link}"));
    assert_eq!(Request::new("GET", path).send(server.address).status, 200);
    for (arguments, code, says) in [
        (&["--as", "nobody"][..], 1, "nobody is named `nobody`; there is alice"),
        (&["--as", "bob", "--expires", "2h"], 2, "an hour at most"),
        (&["--as", "bob", "--expires", "soon"], 2, "a span is a number"),
        (&[], 2, "--as"),
    ] {
        let finished = desk.run(&[&["inbox", "link"], arguments].concat());
        assert!(finished.exited_with(code).stderr.contains(says), "{arguments:?}: {finished:#?}");
    }
}
