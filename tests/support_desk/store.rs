//! A store that can not be used: what would change something does not run.

use serde_json::{Value, json};

use crate::harness::{Desk, Server, refund_arguments, refusal_code, structured};

/// What changes something, and each control that asks the store: a limit, a key, an approval.
fn changes() -> [(&'static str, Value); 3] {
    [
        ("notify_account_manager", json!({"customer_id": "cus_1001", "summary": "hello"})),
        (
            "create_support_ticket_draft",
            json!({"customer_id": "cus_1001", "subject": "a", "body": "b", "priority": "low"}),
        ),
        ("request_refund", refund_arguments()),
    ]
}

fn reads(server: &Server, token: &str) -> Value {
    server.ask(token, "get_account_health_summary", &json!({"customer_id": "cus_1001"}))
}

#[test]
fn b14_while_the_store_can_not_be_written_nothing_changes_and_reads_go_on() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    let store = rusqlite::Connection::open(desk.data().join("mcp-secure.sqlite")).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    for (tool, arguments) in changes() {
        let refused = server.ask(&alice, tool, &arguments);
        assert_eq!(refusal_code(&refused), "audit_unavailable", "{tool}: {refused:#}");
        assert_eq!(structured(&refused)["executed"], json!(false), "{tool}: {refused:#}");
        assert!(!refused.to_string().contains("sqlite"), "{refused:#}");
    }
    assert_eq!(structured(&reads(&server, &alice))["health"], json!("good"));
    assert_eq!((desk.effects("account_manager.notified"), desk.effects("ticket.drafted")), (0, 0));

    store.execute_batch("ROLLBACK").unwrap();
    let [(notify, hello), ..] = changes();
    let sent = server.ask(&alice, notify, &hello);
    assert!(structured(&sent)["notification_id"].is_string(), "it recovers: {sent:#}");
    desk.effects_are_on_record();
    desk.audit_holds();
}

#[test]
fn a_store_that_can_not_be_read_any_more_stops_every_call() {
    let desk = Desk::new();
    let server = desk.serve();
    let alice = desk.token("alice");
    assert_eq!(structured(&reads(&server, &alice))["health"], json!("good"));
    // The tables are gone: what is switched off can not be looked up either, and that counts as off.
    let store = rusqlite::Connection::open(desk.data().join("mcp-secure.sqlite")).unwrap();
    store.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    let mut names = store.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let names: Vec<String> =
        names.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for name in names.iter().filter(|name| !name.starts_with("sqlite_")) {
        store.execute_batch(&format!("ALTER TABLE \"{name}\" RENAME TO \"gone_{name}\"")).unwrap();
    }
    for (tool, arguments) in changes() {
        let refused = server.ask(&alice, tool, &arguments);
        assert_eq!(structured(&refused)["executed"], json!(false), "{tool}: {refused:#}");
        assert_eq!(refused["isError"], json!(true), "{tool}: {refused:#}");
    }
    std::thread::sleep(std::time::Duration::from_secs(4));
    let refused = reads(&server, &alice);
    assert_eq!(refusal_code(&refused), "switched_off");
    // Nobody has switched it off, so it is no last word.
    assert!(structured(&refused)["retry_after_ms"].is_u64(), "{refused:#}");
    for kind in ["account_manager.notified", "ticket.drafted", "refund.paid"] {
        assert_eq!(desk.effects(kind), 0, "{kind}");
    }
}

#[test]
fn on_a_database_the_desk_keeps_nothing_of_its_store_in_the_folder() {
    let postgres = mcp_secure_test_postgres::Server::shared();
    let desk = Desk::on_store(postgres.url(&postgres.database()));
    assert!(desk.store().is_some_and(|address| address.starts_with("postgres://")));
    let (first, second) = (desk.serve(), desk.serve());
    let alice = desk.token("alice");
    let refund = refund_arguments();
    let paid = first.approved(&desk, &alice, "bob", ("request_refund", &refund));
    assert_eq!(structured(&paid)["status"], json!("refunded"), "{paid:#}");
    let again = second.ask(&alice, "request_refund", &refund);
    assert_eq!(structured(&again), structured(&paid));
    assert_eq!(desk.effects("refund.paid"), 1);
    assert!(!desk.data().join("mcp-secure.sqlite").exists());
    desk.effects_are_on_record();
}

#[test]
fn a_server_does_not_start_on_a_store_that_is_no_store() {
    let desk = Desk::new();
    desk.token("alice");
    drop(desk.serve());
    for file in ["mcp-secure.sqlite-wal", "mcp-secure.sqlite-shm"] {
        drop(std::fs::remove_file(desk.data().join(file)));
    }
    std::fs::write(desk.data().join("mcp-secure.sqlite"), "not a database\n".repeat(1_000))
        .unwrap();
    let refused = desk.run(&["serve", "--http", "127.0.0.1:0"]);
    refused.exited_with(1);
    assert!(refused.stderr.contains("the store does not open"), "{refused:#?}");
    assert!(!refused.stderr.contains("panicked"), "{refused:#?}");
}
