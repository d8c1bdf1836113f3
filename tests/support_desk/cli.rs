//! The command line: what goes where, and how it ends.

use serde_json::{Value, json};

use crate::harness::{Desk, call, mcp, refund_arguments, structured};

#[test]
fn check_finds_nothing_wrong_with_the_example() {
    Desk::new().run(&["check"]).succeeded();
}

#[test]
fn wrong_usage_ends_with_two_and_a_refusal_with_one() {
    let desk = Desk::new();
    desk.run(&["no-such-command"]).exited_with(2);
    desk.run(&["approvals", "approve"]).exited_with(2);
    desk.run(&["token", "--as", "nobody"]).exited_with(1);
    desk.run(&["approvals", "show", "no-such-request", "--as", "bob"]).exited_with(2);
    let unknown = format!("apr_{}", "0".repeat(32));
    desk.run(&["approvals", "show", &unknown, "--as", "bob"]).exited_with(1);
}

#[test]
fn the_manifest_says_every_tool_with_its_policy_and_notices_drift() {
    let desk = Desk::new();
    let manifest = desk.run(&["manifest", "--format", "json"]).json();
    let tools = manifest["tools"].as_array().unwrap_or_else(|| panic!("{manifest:#}"));
    let refund = tools.iter().find(|t| t["name"] == "request_refund").unwrap();
    assert_eq!(refund["risk"], json!("high"), "{refund:#}");
    assert_eq!(refund["permission"], json!("refund.request"), "{refund:#}");
    assert_eq!(refund["owner"], json!("support-platform"), "{refund:#}");
    assert!(refund["fingerprint"].is_string(), "{refund:#}");

    let file = desk.data().with_file_name("manifest.json");
    let path = file.display().to_string();
    desk.run(&["manifest", "--write", &path]).succeeded();
    desk.run(&["manifest", "--check", &path]).succeeded();
    let changed = std::fs::read_to_string(&file).unwrap().replace("\"high\"", "\"low\"");
    std::fs::write(&file, changed).unwrap();
    desk.run(&["manifest", "--check", &path]).exited_with(1);

    let page = desk.run(&["manifest", "--format", "markdown"]);
    assert!(page.succeeded().stdout.contains("request_refund"), "{page:#?}");
}

#[test]
fn a_request_can_be_listed_and_shown_before_it_is_decided() {
    let desk = Desk::new();
    let server = desk.serve();
    let asked = mcp(&desk.token("alice"), &call(1, "request_refund", refund_arguments()))
        .send(server.address)
        .result();
    let id = structured(&asked)["approval_id"].as_str().unwrap();
    let list = desk.run(&["approvals", "list", "--as", "bob", "--format", "json"]).json();
    let listed = list.as_array().unwrap_or_else(|| panic!("{list:#}"));
    assert_eq!(listed.len(), 1, "{list:#}");
    assert!(listed[0].to_string().contains(id), "{list:#}");
    let shown = desk.run(&["approvals", "show", id, "--as", "bob", "--format", "json"]).json();
    for said in ["request_refund", "ord_5001", "12000", "alice"] {
        assert!(shown.to_string().contains(said), "{said}: {shown:#}");
    }
    let table = desk.run(&["approvals", "list", "--as", "bob"]);
    assert!(table.succeeded().stdout.contains(id), "{table:#?}");
    // Who decides after others sees what they said.
    desk.run(&["approvals", "approve", id, "--as", "bob", "--reason", "seen the photo"])
        .succeeded();
    let decided = desk.run(&["approvals", "show", id, "--as", "carol", "--format", "table"]);
    assert!(decided.succeeded().stdout.contains("seen the photo"), "{decided:#?}");
    // Another tenant's lead sees nothing.
    let elsewhere = desk.run(&["approvals", "list", "--as", "erin", "--format", "json"]).json();
    assert_eq!(elsewhere, json!([]));
}

#[test]
fn the_audit_tells_who_did_what_and_what_became_of_it() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let message = call(1, "request_refund", refund_arguments());
    let asked = mcp(&alice, &message).send(server.address).result();
    desk.approve(structured(&asked)["approval_id"].as_str().unwrap(), "bob");
    mcp(&alice, &message).send(server.address).result();
    drop(server);
    let records = desk.records(&["--tool", "request_refund"]);
    assert!(records.len() >= 3, "{records:#?}");
    let all = Value::Array(records).to_string();
    for said in ["alice", "acme", "request_refund", "bob"] {
        assert!(all.contains(said), "{said}: {all}");
    }
    assert_eq!(desk.records(&["--user", "erin"]), Vec::<Value>::new());
    desk.run(&["audit", "tail"]).succeeded();
}

#[test]
fn what_people_wrote_is_not_readable_in_the_record() {
    let desk = Desk::new();
    let server = desk.serve();
    let arguments = json!({
        "customer_id": "cus_1001", "subject": "a telling subject", "body": "a private story", "priority": "low",
    });
    let message = call(1, "create_support_ticket_draft", arguments);
    mcp(&desk.token("alice"), &message).send(server.address).result();
    let records =
        Value::Array(desk.records(&["--tool", "create_support_ticket_draft"])).to_string();
    assert!(records.contains("support.ticket.draft") || records.contains("alice"), "{records}");
    for text in ["private story", "telling subject"] {
        assert!(!records.contains(text), "{records}");
    }
}

#[test]
fn the_data_folder_and_its_files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    desk.token("alice");
    drop(desk.serve());
    fn private(path: &std::path::Path) {
        let meta = path.metadata().unwrap();
        assert_eq!(meta.permissions().mode() & 0o077, 0, "{} is open to others", path.display());
        if meta.is_dir() {
            std::fs::read_dir(path).unwrap().for_each(|entry| private(&entry.unwrap().path()));
        }
    }
    // The desk's own database lies in the private folder; its mode is the umask's business.
    let top = desk.data().metadata().unwrap().permissions().mode();
    assert_eq!(top & 0o077, 0);
    for entry in std::fs::read_dir(desk.data()).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_string_lossy().starts_with("support-desk.sqlite") {
            private(&entry.path());
        }
    }
}

#[test]
fn a_changed_record_is_found() {
    let desk = Desk::new();
    let server = desk.serve();
    mcp(&desk.token("alice"), &call(1, "request_refund", refund_arguments()))
        .send(server.address)
        .result();
    assert!(server.terminate().success());
    desk.audit_holds();
    let mut changed = 0;
    for entry in std::fs::read_dir(desk.data().join("audit")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if path.is_file() && text.contains("\"alice\"") {
            std::fs::write(&path, text.replace("\"alice\"", "\"carol\"")).unwrap();
            changed += 1;
        }
    }
    assert!(changed > 0, "no record names alice");
    let verified = desk.run(&["audit", "verify"]);
    verified.exited_with(1);
}

/// A command in a process group of its own, ended as a whole.
struct Group(std::process::Child);

impl Drop for Group {
    fn drop(&mut self) {
        crate::harness::ask_to_end(self.0.id());
        drop(self.0.wait());
    }
}

#[test]
fn what_the_demo_tells_a_newcomer_to_do_works() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut demo = Group(
        Command::new(mcp_secure_tests::programs::workspace().join("scripts/demo"))
            .env("SUPPORT_DESK_ADDRESS", format!("127.0.0.1:{port}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap(),
    );
    let lines = BufReader::new(demo.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut script = "set -e\n".to_owned();
    for line in lines {
        let last = line.contains("Ctrl-C");
        script.push_str(&line);
        script.push('\n');
        if last {
            break;
        }
    }
    let followed = crate::harness::Finished::of(Command::new("bash").args(["-c", &script]));
    followed.succeeded();
    assert!(followed.stdout.contains("refund_id"), "{followed:#?}");
}

#[test]
fn only_who_may_decide_voids_what_stands() {
    let desk = Desk::new();
    let server = desk.serve();
    let message = call(1, "request_refund", refund_arguments());
    let asked = mcp(&desk.token("alice"), &message).send(server.address).result();
    let id = structured(&asked)["approval_id"].as_str().unwrap().to_owned();
    let void = |person: &str, which: &[&str]| {
        let line = ["approvals", "void", "--as", person, "--reason", "x", "--format", "json"];
        desk.run(&[&line[..], which].concat())
    };
    let stands = || {
        desk.run(&["approvals", "show", &id, "--as", "bob", "--format", "json"]).json()["state"]
            .clone()
    };
    void("bob", &[]).exited_with(2);
    // She asked, and may not decide; another tenant's lead has none; nothing is as old as that.
    let refused = void("alice", &["--all"]);
    refused.exited_with(1);
    assert!(refused.stderr.contains("still stands"), "{refused:#?}");
    assert_eq!(void("erin", &["--all"]).json(), json!({"voided": [], "left": []}));
    assert_eq!(void("bob", &["--before", "1h"]).json()["voided"], json!([]));
    assert_eq!(stands(), json!("pending"));
    void("bob", &["--before", "0s"]).succeeded();
    assert_eq!(stands(), json!("withdrawn"));
}

#[test]
fn a_short_list_reads_past_what_its_reader_may_not_see() {
    let desk = Desk::new();
    let server = desk.serve();
    let change = |name: &str, customer: &str| {
        let arguments = json!({"customer_id": customer, "summary": "a renewal is due"});
        let told = server.ask(&desk.token(name), "notify_account_manager", &arguments);
        assert_ne!(told["isError"], json!(true), "{told:#}");
        server.ask(
            &desk.token(name),
            "request_refund",
            &json!({
                "order_id": if name == "alice" { "ord_5001" } else { "ord_5002" },
                "amount_cents": 100,
                "reason": "goodwill",
            }),
        );
    };
    change("alice", "cus_1001");
    // Newer, and not for alice to see.
    change("bob", "cus_1002");
    for list in ["approvals", "runs"] {
        let shown = |name: &str| {
            let asked = [list, "list", "--as", name, "--limit", "1", "--format", "json"];
            desk.run(&asked).json().as_array().unwrap().clone()
        };
        let (alices, bobs) = (shown("alice"), shown("bob"));
        assert_eq!((alices.len(), bobs.len()), (1, 1), "{list}: {alices:#?} {bobs:#?}");
        assert_ne!(alices[0]["id"], bobs[0]["id"], "{list}");
    }
}
