//! What became of a run that was cut off.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Desk, call, mcp, refusal_code, structured};
use crate::page::Walk;
use crate::{approved, ask, refund};

/// How long a lease and a busy machine may take together.
const PATIENCE: Duration = Duration::from_secs(120);

fn running(desk: &Desk) -> i64 {
    let store = rusqlite::Connection::open(desk.data().join("mcp-secure.sqlite")).unwrap();
    store.busy_timeout(PATIENCE).unwrap();
    store
        .query_row("SELECT count(*) FROM runs WHERE state = 'running'", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn a_doubt_is_found_looked_at_and_resolved() {
    let desk = Desk::new();
    let mut server = desk.serve();
    let alice = desk.token("alice");
    for order in ["ord_5020", "ord_5021"] {
        approved(&desk, &server, &alice, order);
    }
    // Nobody can write the desk's books, so both refunds wait in the middle of their bodies when the process dies.
    let books = rusqlite::Connection::open(desk.data().join("support-desk.sqlite")).unwrap();
    books.execute_batch("BEGIN IMMEDIATE").unwrap();
    let address = server.address;
    thread::scope(|scope| {
        for order in ["ord_5020", "ord_5021"] {
            let alice = &alice;
            scope.spawn(move || {
                drop(std::panic::catch_unwind(|| {
                    mcp(alice, &call(2, "request_refund", refund(order))).send(address)
                }));
            });
        }
        let since = Instant::now();
        while running(&desk) < 2 {
            assert!(since.elapsed() < Duration::from_secs(9), "the bodies do not begin");
            thread::sleep(Duration::from_millis(20));
        }
        server.kill();
    });
    books.execute_batch("ROLLBACK").unwrap();
    let server = desk.serve();

    let mut walk = Walk::of(&desk, "A run in doubt");
    let list = walk.step(1).remove(0);
    let since = Instant::now();
    let doubts = loop {
        let Value::Array(doubts) = walk.run(&list).json() else { panic!("no list") };
        if doubts.len() == 2 {
            break doubts;
        }
        assert!(since.elapsed() < PATIENCE, "{doubts:#?}");
        let early = ask(&server, &alice, "request_refund", refund("ord_5020"));
        assert!(matches!(refusal_code(&early), "in_progress" | "in_doubt"), "{early:#}");
        thread::sleep(Duration::from_millis(500));
    };

    let look = walk.step(2);
    let find = walk.step(3).remove(0);
    let resolve = walk.step(4);
    assert_eq!((look.len(), resolve.len()), (2, 2));
    for doubt in &doubts {
        let text = |name: &str| doubt[name].as_str().unwrap().to_owned();
        walk.set("RUN", text("id"));
        walk.set("REQUEST", text("request_id"));
        assert!(walk.run(&look[0]).succeeded().stdout.contains(&text("request_id")));
        let records = walk.run(&look[1]).json();
        let intent =
            records.as_array().unwrap().iter().find(|record| {
                record["event"] == json!("intent") && record["run_id"] == doubt["id"]
            });
        let order = intent.expect("the record has the intent")["arguments"]["order_id"].clone();
        let happened = order == json!("ord_5020");
        if happened {
            // This one had reached the books when the process died.
            books
                .execute(
                    "INSERT INTO effects (request_id, tool, kind, subject, by)
                     VALUES (?1, 'request_refund', 'refund.paid', ?2, 'alice')",
                    [text("request_id"), order.as_str().unwrap().to_owned()],
                )
                .unwrap();
        }
        let found = walk.run(&find);
        assert_eq!(found.succeeded().stdout.contains("refund.paid"), happened, "{found:#?}");
        let said = if happened { &resolve[0] } else { &resolve[1] };
        let theirs = said.replace("--as carol", "--as alice");
        walk.run(&theirs).exited_with(1);
        walk.run(said).succeeded();
        let after = ask(&server, &alice, "request_refund", refund(order.as_str().unwrap()));
        if happened {
            assert_eq!(structured(&after)["executed"], json!(true), "{after:#}");
        } else {
            assert_eq!(refusal_code(&after), "approval_required", "{after:#}");
        }
    }
    let left = walk.does(5);
    assert_eq!(left[0].json(), json!([]));
    walk.ends();
    assert_eq!(crate::refunds(&desk, "ord_5021"), 0);
    drop(server);
    desk.audit_holds();
}
