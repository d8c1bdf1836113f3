//! A server that dies in the middle of a call.

use std::thread;
use std::time::{Duration, Instant};

use super::desk::{Desk, PATIENCE, Server};
use super::{call, mcp, refund_arguments};

/// How many runs the store holds as running. The command line would wait for the desk's database itself.
fn running(desk: &Desk) -> i64 {
    let store = rusqlite::Connection::open(desk.data().join("mcp-secure.sqlite")).unwrap();
    store.busy_timeout(PATIENCE).unwrap();
    let count = "SELECT count(*) FROM runs WHERE state = 'running'";
    store.query_row(count, (), |row| row.get(0)).unwrap()
}

/// Kills the server while the refund that it has committed to waits for the desk's own database.
pub(crate) fn cut_off(desk: &Desk, server: &mut Server, alice: &str) {
    let file = rusqlite::Connection::open(desk.data().join("support-desk.sqlite")).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    let address = server.address;
    thread::scope(|scope| {
        scope.spawn(|| {
            // The connection breaks: that is the point.
            let message = call(1, "request_refund", refund_arguments());
            drop(std::panic::catch_unwind(|| mcp(alice, &message).send(address)));
        });
        let since = Instant::now();
        while running(desk) == 0 {
            assert!(since.elapsed() < PATIENCE, "the refund does not begin");
            thread::sleep(Duration::from_millis(5));
        }
        server.kill();
    });
    file.execute_batch("ROLLBACK").unwrap();
}
