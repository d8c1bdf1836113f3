//! A disk, a changed record, an emergency.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Desk, Server, program, refusal_code, structured};
use crate::page::{Walk, folder};
use crate::{approved, ask, back_up, draft, refund};

/// The size that files of a running process may not pass: what a full disk does to it.
fn limit_files(server: &Server, limit: &str) {
    let pid = server.pid().to_string();
    let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}")]).status();
    assert!(set.expect("`prlimit` runs").success(), "`prlimit` failed");
}

fn health(server: &Server, token: &str) -> Value {
    ask(server, token, "get_account_health_summary", json!({"customer_id": "cus_1001"}))
}

#[test]
fn a_full_disk_refuses_everything_and_needs_no_restart() {
    let desk = Desk::new();
    // A write past the limit is to fail as on a full disk, and not to end the process by a signal.
    let server = Server::start(|address| {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(program());
        command.env_remove("MCP_SECURE_DATA").arg("--data").arg(desk.data());
        command.args(["serve", "--http", address]);
        command
    });
    let alice = desk.token("alice");
    assert_eq!(structured(&draft(&server, &alice, "before"))["status"], json!("draft_created"));

    limit_files(&server, "1:unlimited");
    let refused = draft(&server, &alice, "on a full disk");
    assert_eq!(refusal_code(&refused), "audit_unavailable", "{refused:#}");
    assert_eq!(structured(&refused)["executed"], json!(false), "{refused:#}");
    // A read may be the first to find out; the next one is refused.
    let since = Instant::now();
    while health(&server, &alice)["isError"] != json!(true) {
        assert!(since.elapsed() < Duration::from_secs(30), "reads go on without a record");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(refusal_code(&health(&server, &alice)), "audit_unavailable");

    let mut walk = Walk::of(&desk, "The disk is full, or read-only");
    walk.does(1);
    walk.by_hand(2);
    limit_files(&server, "unlimited:unlimited");
    walk.by_hand(3);
    let since = Instant::now();
    loop {
        std::thread::sleep(Duration::from_secs(3));
        let answer = draft(&server, &alice, "after");
        if answer["isError"] != json!(true) {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{answer:#}");
    }
    let looked = walk.does(4);
    let away = looked[1].json();
    assert!(away.as_array().is_some_and(|records| !records.is_empty()), "how long it was away");
    walk.does(5);
    walk.ends();
}

#[test]
fn a_changed_record_is_named_kept_and_set_aside() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    draft(&server, &alice, "before");
    back_up(&desk);
    draft(&server, &alice, "after");
    let file = std::fs::read_dir(desk.data().join("audit"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| std::fs::read_to_string(path).unwrap().contains("\"alice\""))
        .expect("a record of alice");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"alice\"", "\"carol\"")).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();

    let mut walk = Walk::of(&desk, "`audit verify` fails");
    walk.does(1);
    let kept = std::fs::read_to_string(folder(&desk).join("evidence/audit").join(name)).unwrap();
    assert!(kept.contains("\"carol\""), "the changed record is kept as it is");
    let verify = walk.step(2).remove(0);
    let verified = walk.run(&verify);
    verified.exited_with(1);
    assert!(verified.stderr.contains(name), "{verified:#?}");
    let compare = walk.step(3);
    walk.run(&compare[0]).succeeded();
    let differs = walk.run(&compare[1]);
    differs.exited_with(1);
    assert!(differs.stdout.contains(name), "{differs:#?}");
    walk.by_hand(4);
    assert!(server.terminate().success());
    walk.does(5);
    let server = desk.serve();
    draft(&server, &alice, "into an empty record");
    walk.run(&verify).succeeded();
    assert!(folder(&desk).join("evidence/audit-set-aside").join(name).is_file());
    walk.ends();
}

#[test]
fn what_is_switched_off_in_an_emergency_does_nothing_more() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    approved(&desk, &server, &alice, "ord_5020");

    let mut walk = Walk::of(&desk, "Switching off in an emergency");
    walk.does(1);
    std::thread::sleep(Duration::from_secs(1));
    let off = ask(&server, &alice, "request_refund", refund("ord_5020"));
    assert_eq!(refusal_code(&off), "switched_off");
    assert_eq!(crate::refunds(&desk, "ord_5020"), 0);
    assert_eq!(health(&server, &alice)["isError"], json!(false), "everything else goes on");
    assert!(walk.does(2)[0].stdout.contains("tool:request_refund"));
    walk.does(3);
    walk.does(4);
    walk.ends();
    std::thread::sleep(Duration::from_secs(1));
    crate::paid(&server, &alice, "ord_5020");
}
