//! A disk that is full or read-only under the audit: no record, no effect.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::harness::{
    Desk, Finished, Server, call, mcp, program, refund_arguments, refusal_code, structured,
};

/// The largest file under a folder.
fn largest(folder: &Path) -> u64 {
    let mut most = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        most = most.max(if meta.is_dir() { largest(&entry.path()) } else { meta.len() });
    }
    most
}

/// The size that files of a running process may not pass: what a full disk does to it.
fn limit_files(server: &Server, limit: &str) {
    let pid = server.pid().to_string();
    let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}")]).status();
    assert!(set.expect("`prlimit` runs").success(), "`prlimit` failed");
}

/// A server for which a write past a limit fails as on a full disk, and does not end the process by a signal.
fn unkilled_by_limits(desk: &Desk) -> Server {
    Server::start(|address| {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(program());
        command.env_remove("MCP_SECURE_DATA").arg("--data").arg(desk.data());
        command.args(["serve", "--http", address]);
        command
    })
}

#[test]
fn a_store_without_room_changes_nothing_spends_no_approval_and_leaves_reads_on_record() {
    let desk = Desk::new();
    let server = unkilled_by_limits(&desk);
    let alice = desk.token("alice");
    let asked = server.ask(&alice, "request_refund", &refund_arguments());
    desk.approve(structured(&asked)["approval_id"].as_str().unwrap(), "bob");

    // The store's log is by far the largest file, and the only one that finds no room beyond its size.
    let log = desk.data().join("mcp-secure.sqlite-wal");
    let size = |path: &Path| std::fs::metadata(path).unwrap().len();
    let mut drafted = 0;
    while size(&log) < largest(&desk.data().join("audit")) + 200_000 {
        drafted += 1;
        let draft = json!({
            "customer_id": "cus_1001", "subject": format!("number {drafted}"),
            "body": "text", "priority": "low",
        });
        let answer = server.ask(&alice, "create_support_ticket_draft", &draft);
        assert!(structured(&answer)["draft_id"].is_string(), "{answer:#}");
        assert!(drafted < 1000, "the store's log does not grow");
    }
    limit_files(&server, &format!("{}:unlimited", size(&log)));
    for _ in 0..3 {
        let refused = server.ask(&alice, "request_refund", &refund_arguments());
        assert_eq!(refusal_code(&refused), "audit_unavailable", "{refused:#}");
        assert_eq!(structured(&refused)["executed"], json!(false), "{refused:#}");
        let customer = json!({"customer_id": "cus_1001"});
        let read = server.ask(&alice, "get_account_health_summary", &customer);
        assert_eq!(structured(&read)["health"], json!("good"), "{read:#}");
    }
    assert_eq!(desk.effects("refund.paid"), 0);

    limit_files(&server, "unlimited:unlimited");
    let paid = server.ask(&alice, "request_refund", &refund_arguments());
    assert_eq!(structured(&paid)["status"], json!("refunded"), "{paid:#}");
    assert_eq!(desk.effects("refund.paid"), 1);
    desk.effects_are_on_record();
    desk.audit_holds();
}

#[test]
fn b18_a_full_disk_stops_what_cannot_be_recorded_and_nothing_is_lost() {
    let desk = Desk::new();
    let server = unkilled_by_limits(&desk);
    let alice = desk.token("alice");
    let asked = Cell::new(0);
    let ask = || {
        // Each a call of its own: what was carried out would be repeated.
        asked.set(asked.get() + 1);
        let draft = json!({
            "customer_id": "cus_1001", "subject": format!("number {}", asked.get()),
            "body": "text", "priority": "low",
        });
        let message = call(1, "create_support_ticket_draft", draft);
        mcp(&alice, &message).send(server.address).result()
    };
    assert!(structured(&ask())["draft_id"].is_string());
    let before = desk.effects("ticket.drafted");

    limit_files(&server, "1:unlimited");
    for _ in 0..5 {
        let refused = ask();
        assert_eq!(refusal_code(&refused), "audit_unavailable", "{refused:#}");
        assert_eq!(structured(&refused)["executed"], json!(false), "{refused:#}");
    }
    assert_eq!(desk.effects("ticket.drafted"), before);
    assert!(largest(&desk.data()) > 1);

    limit_files(&server, "unlimited:unlimited");
    let mut answer = ask();
    for _ in 0..20 {
        if answer["isError"] != json!(true) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
        answer = ask();
    }
    assert!(structured(&answer)["draft_id"].is_string(), "the server recovers: {answer:#}");
    assert_eq!(desk.effects("ticket.drafted"), before + 1);
    desk.audit_holds();
}

/// Makes a command run without root's power to write anywhere, which would make a read-only folder no obstacle.
fn unprivileged(desk: &Desk, folder: &Path) -> Option<PathBuf> {
    let root = Finished::of(Command::new("id").arg("-u")).stdout.trim() == "0";
    if !root {
        return None;
    }
    // The data folder belongs to nobody, and so does the way to it.
    let parent = desk.data().parent().unwrap().to_owned();
    for path in [parent.as_path(), folder] {
        let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(path).status().unwrap();
        assert!(owned.success());
    }
    // And the program lies where nobody may run it, whatever the permissions of the build folder are.
    let copy = parent.join("support-desk");
    std::fs::copy(program(), &copy).unwrap();
    Some(copy)
}

#[test]
fn a_read_only_audit_stops_every_change_and_the_record_stays_whole() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    let server = desk.serve();
    mcp(&desk.token("alice"), &call(1, "request_refund", refund_arguments()))
        .send(server.address)
        .result();
    drop(server);
    let audit = desk.data().join("audit");
    assert!(audit.is_dir(), "the audit lies in `audit`");
    let copy = unprivileged(&desk, &desk.data());
    let as_nobody = |arguments: &[&str]| {
        let mut command = match &copy {
            Some(copy) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(copy);
                command
            }
            None => Command::new(program()),
        };
        command.env_remove("MCP_SECURE_DATA").arg("--data").arg(desk.data()).args(arguments);
        command
    };
    let modes = |folder: u32, file: u32| {
        for entry in std::fs::read_dir(&audit).unwrap() {
            std::fs::set_permissions(entry.unwrap().path(), std::fs::Permissions::from_mode(file))
                .unwrap();
        }
        std::fs::set_permissions(&audit, std::fs::Permissions::from_mode(folder)).unwrap();
    };
    modes(0o500, 0o400);
    let refused = Finished::of(&mut as_nobody(&["serve", "--http", "127.0.0.1:0"]));
    refused.exited_with(1);
    assert!(refused.stderr.contains("audit"), "{refused:#?}");
    assert!(!refused.stderr.contains("panicked"), "{refused:#?}");
    let verified = Finished::of(&mut as_nobody(&["audit", "verify"]));
    verified.succeeded();
    modes(0o700, 0o600);
    let server = Server::start(|address| as_nobody(&["serve", "--http", address]));
    let token = Finished::of(&mut as_nobody(&["token", "--as", "alice"]))
        .succeeded()
        .stdout
        .trim()
        .to_owned();
    let asked =
        mcp(&token, &call(2, "request_refund", refund_arguments())).send(server.address).result();
    assert_eq!(refusal_code(&asked), "approval_required");
}
