//! Does what the page on operations says (`docs/src/operations.md`), with the commands that stand there, in their order, on
//! the real program. The page is read, not repeated: a command that is changed there is run as it was changed.

#[path = "../support_desk/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests of support-desk use more of it")]
mod harness;

mod copies;
mod doubts;
mod page;
mod troubles;

use serde_json::{Value, json};

use harness::{Desk, Server, call, mcp, structured};
use page::Walk;

fn ask(server: &Server, token: &str, tool: &str, arguments: Value) -> Value {
    mcp(token, &call(1, tool, arguments)).send(server.address).result()
}

fn refund(order: &str) -> Value {
    json!({"order_id": order, "amount_cents": 100, "reason": "goodwill"})
}

/// Alice asks for a refund, and Bob agrees to it.
#[track_caller]
fn approved(desk: &Desk, server: &Server, token: &str, order: &str) -> String {
    let asked = ask(server, token, "request_refund", refund(order));
    let id = structured(&asked)["approval_id"].as_str().expect("a request").to_owned();
    desk.approve(&id, "bob");
    id
}

/// The same call again, which pays.
#[track_caller]
fn paid(server: &Server, token: &str, order: &str) {
    let answer = ask(server, token, "request_refund", refund(order));
    assert_eq!(structured(&answer)["status"], json!("refunded"), "{answer:#}");
}

fn draft(server: &Server, token: &str, subject: &str) -> Value {
    let arguments =
        json!({"customer_id": "cus_1001", "subject": subject, "body": "hello", "priority": "low"});
    ask(server, token, "create_support_ticket_draft", arguments)
}

/// How many refunds of an order were paid in the desk's own books.
fn refunds(desk: &Desk, order: &str) -> i64 {
    let books = rusqlite::Connection::open(desk.data().join("support-desk.sqlite")).unwrap();
    let sql = "SELECT count(*) FROM effects WHERE kind = 'refund.paid' AND subject = ?1";
    books.query_row(sql, [order], |row| row.get(0)).unwrap()
}

/// The section for the store of this desk.
fn on_its_store(desk: &Desk, title: &str) -> String {
    if desk.store().is_some() { format!("{title} on PostgreSQL") } else { title.to_owned() }
}

/// All steps of the page's section on backups.
#[track_caller]
fn back_up(desk: &Desk) {
    let mut walk = Walk::of(desk, &on_its_store(desk, "Backup"));
    walk.does(1);
    walk.does(2);
    walk.does(3);
    let checked = walk.does(4);
    match desk.store() {
        None => assert_eq!(checked[0].stdout.trim(), "ok"),
        Some(_) => {
            assert!(checked[0].stdout.contains("TABLE DATA mcp_secure runs"), "{checked:#?}")
        }
    }
    walk.by_hand(5);
    walk.ends();
}

#[test]
fn every_section_of_the_page_is_walked_through() {
    let walked = [
        "Backup",
        "Backup on PostgreSQL",
        "Restore",
        "Restore on PostgreSQL",
        "A newer release",
        "A run in doubt",
        "The disk is full, or read-only",
        "`audit verify` fails",
        "A lost key",
        "Switching off in an emergency",
    ];
    assert_eq!(page::titles(), walked, "walk through the new section too");
}
