//! Backup, restore, another release.

use mcp_secure_test_postgres::Server as Postgres;
use serde_json::{Value, json};

use crate::harness::{Desk, refusal_code, structured};
use crate::page::{Walk, folder};
use crate::{approved, ask, back_up, draft, on_its_store, paid, refund, refunds};

#[test]
fn what_was_done_after_the_backup_is_found_before_it_can_be_done_again() {
    backed_up_and_restored(&Desk::new());
}

#[test]
fn what_was_done_after_the_backup_of_a_database_is_found_before_it_can_be_done_again() {
    let server = Postgres::shared();
    let database = server.database();
    backed_up_and_restored(&Desk::on_store(server.url(&database)));
    // What was there before the backup was put in its place is still there to look at.
    let kept = server.sql(&database, "SELECT count(*) FROM mcp_secure_broken.runs");
    assert_eq!(kept, "2");
}

fn backed_up_and_restored(desk: &Desk) {
    let server = desk.serve();
    let alice = desk.token("alice");
    approved(desk, &server, &alice, "ord_5020");
    paid(&server, &alice, "ord_5020");
    let used_later = approved(desk, &server, &alice, "ord_5021");
    let waiting = ask(&server, &alice, "request_refund", refund("ord_5022"));
    let waiting = structured(&waiting)["approval_id"].as_str().unwrap().to_owned();

    back_up(desk);
    paid(&server, &alice, "ord_5021");
    assert_eq!(refunds(desk, "ord_5021"), 1);

    let mut walk = Walk::of(desk, &on_its_store(desk, "Restore"));
    assert!(server.terminate().success());
    walk.does(1);
    walk.does(2);
    walk.does(3);
    walk.does(4);
    walk.does(5);
    if desk.store().is_some() {
        walk.by_hand(6);
        walk.ends();
        walk = Walk::of(desk, "Restore");
        walk.skip_to(6);
    }
    walk.by_hand(6);
    let server = desk.serve();
    let off = ask(&server, &alice, "request_refund", refund("ord_5021"));
    assert_eq!(refusal_code(&off), "switched_off");
    let since = walk.does(7)[0].json();
    let run = |order: &str| -> Option<String> {
        let intents = since.as_array().unwrap();
        let of = intents.iter().find(|r| r["arguments"]["order_id"] == json!(order))?;
        Some(of["run_id"].as_str().unwrap().to_owned())
    };
    let forgotten = run("ord_5021").expect("the record knows what ran after the backup");
    let show = walk.step(8).remove(0);
    walk.set("RUN", forgotten);
    let gone = walk.run(&show);
    gone.exited_with(1);
    assert!(gone.stderr.contains("no such run"), "{gone:#?}");
    let known = desk.run(&["runs", "list", "--as", "bob", "--format", "json"]).json();
    walk.set("RUN", known[0]["id"].as_str().unwrap());
    walk.run(&show).succeeded();

    let open = |state: &str| {
        desk.run(&["approvals", "list", "--as", "bob", "--state", state, "--format", "json"]).json()
    };
    assert_eq!(open("approved")[0]["id"], json!(used_later), "it would count again");
    let voided = walk.does(9)[0].json();
    assert_eq!(voided["left"], json!([]), "{voided:#}");
    let voided = voided["voided"].as_array().unwrap();
    let of = |id: &str| voided.iter().find(|a| a["id"] == json!(id)).unwrap()["state"].clone();
    assert_eq!((of(&used_later), of(&waiting)), (json!("void"), json!("withdrawn")));
    assert_eq!((open("approved"), open("pending")), (json!([]), json!([])));
    walk.does(10);
    walk.ends();

    let mut other = draft(&server, &alice, "after the restore");
    for _ in 0..20 {
        if other["isError"] != json!(true) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        other = draft(&server, &alice, "after the restore");
    }
    assert_eq!(structured(&other)["status"], json!("draft_created"));
    let again = ask(&server, &alice, "request_refund", refund("ord_5021"));
    assert_eq!(refusal_code(&again), "approval_required", "{again:#}");
    assert_ne!(structured(&again)["approval_id"], json!(used_later), "people are asked anew");
    assert_eq!(
        refunds(desk, "ord_5021"),
        0,
        "the restored books do not know it, and nobody paid twice"
    );
    let decided = desk.records(&["--outcome", "decided"]);
    let void = |id: &str| {
        decided.iter().any(|r| {
            r["approval"]["id"] == json!(id)
                && r["detail"]["verdict"] == json!("void")
                && r["detail"]["reason"] == json!("restored from a backup")
        })
    };
    assert!(void(&used_later) && void(&waiting), "{decided:#?}");
    drop(server);
    desk.audit_holds();
}

#[test]
fn a_newer_release_takes_the_folder_over_and_an_older_one_refuses_it() {
    let desk = Desk::new();
    taken_over(&desk);
    // This program as the older one.
    let file = desk.data().join("mcp-secure.sqlite");
    let version = |set: Option<i64>| -> i64 {
        let store = rusqlite::Connection::open(&file).unwrap();
        if let Some(version) = set {
            store.pragma_update(None, "user_version", version).unwrap();
        }
        store.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    };
    let known = version(None);
    version(Some(known + 1));
    is_refused(&desk);
    assert_eq!(version(None), known + 1, "it is left as it is");
}

#[test]
fn a_newer_release_takes_the_database_over_and_an_older_one_refuses_it() {
    let server = Postgres::shared();
    let database = server.database();
    let desk = Desk::on_store(server.url(&database));
    taken_over(&desk);
    let version = |set: &str| {
        server.sql(&database, set);
        server.sql(&database, "SELECT value FROM mcp_secure.meta WHERE key = 'version'")
    };
    let known: i64 = version("SELECT 1").parse().unwrap();
    version("UPDATE mcp_secure.meta SET value = value + 1 WHERE key = 'version'");
    is_refused(&desk);
    assert_eq!(version("SELECT 1"), (known + 1).to_string(), "it is left as it is");
}

#[track_caller]
fn is_refused(desk: &Desk) {
    let refused = desk.run(&["runs", "list", "--as", "bob"]);
    refused.exited_with(1);
    assert!(refused.stderr.contains("use a newer release"), "{refused:#?}");
}

fn taken_over(desk: &Desk) {
    let server = desk.serve();
    let alice = desk.token("alice");
    approved(desk, &server, &alice, "ord_5020");

    let mut walk = Walk::of(desk, "A newer release");
    walk.by_hand(1);
    back_up(desk);
    walk.does(2);
    walk.by_hand(3);
    assert!(server.terminate().success());
    walk.by_hand(4);
    let server = desk.serve();
    let after = walk.does(5);
    assert_eq!(after[1].json(), json!([]));
    walk.ends();
    paid(&server, &alice, "ord_5020");
    assert!(server.terminate().success());
}

#[test]
fn a_lost_key_comes_back_from_the_backup_and_is_otherwise_made_anew_under_the_same_name() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    draft(&server, &alice, "before");
    back_up(&desk);

    let mut walk = Walk::of(&desk, "A lost key");
    assert!(server.terminate().success());
    let key = || std::fs::read_to_string(desk.data().join("audit.key")).unwrap();
    let before = key();
    for name in ["audit.key", "local-issuer.key"] {
        std::fs::remove_file(desk.data().join(name)).unwrap();
    }
    let server = desk.serve();
    assert!(key().starts_with("k1:") && key() != before, "another key under the same name");
    assert_ne!(
        crate::mcp(&alice, &crate::call(1, "tools/list", Value::Null)).send(server.address).status,
        200
    );
    assert!(server.terminate().success());
    std::fs::remove_file(desk.data().join("mcp-secure-data.json")).unwrap();
    let refused = desk.run(&["serve", "--http", "127.0.0.1:0"]);
    refused.exited_with(1);
    assert!(refused.stderr.contains("holds other files and no"), "{refused:#?}");

    walk.does(1);
    assert_eq!(key(), before);
    let server = desk.serve();
    walk.does(2);
    walk.ends();
    let answer = draft(&server, &alice, "after");
    assert_eq!(
        structured(&answer)["status"],
        json!("draft_created"),
        "the old token counts again: {answer:#}"
    );
    assert!(folder(&desk).join("backup").is_dir());
}
