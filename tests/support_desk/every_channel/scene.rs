//! Where an attack of a client takes place.

use std::time::Duration;

use serde_json::{Value, json};

use super::asking::{Asked, Asker, Channel};
use crate::harness::{Desk, PATIENCE, Server};

/// A desk, a server, and alice's client on one of the channels.
pub(super) struct Scene {
    pub(super) channel: Channel,
    pub(super) desk: Desk,
    pub(super) server: Server,
    pub(super) alice: Asker,
}

impl Scene {
    pub(super) fn client(&self, name: &str) -> Asker {
        Asker::open(self.channel, &self.desk, &self.server, name)
    }

    /// All its processes are killed, and others take their place.
    pub(super) fn restart(&mut self) {
        self.server.kill();
        self.server = self.desk.serve_with_inbox();
        self.alice = self.client("alice");
    }

    #[track_caller]
    pub(super) fn deny(&self, id: &str) {
        self.desk.run(&["approvals", "deny", id, "--as", "bob", "--reason", "no"]).succeeded();
    }

    /// The request as a lead sees it.
    #[track_caller]
    pub(super) fn request(&self, id: &str) -> Value {
        self.desk.run(&["approvals", "show", id, "--as", "carol", "--format", "json"]).json()
    }

    #[track_caller]
    pub(super) fn stands(&self, asked: &Asked, state: &str) {
        let found = self.request(&asked.id);
        assert_eq!(found["state"], json!(state), "{found:#}");
        if state == "pending" {
            assert_eq!(found["votes"], json!([]), "{found:#}");
        }
    }

    /// What was paid, as order and cents.
    pub(super) fn paid(&self) -> Vec<(String, i64)> {
        let world = self.desk.data().join("support-desk.sqlite");
        let world = rusqlite::Connection::open(world).unwrap();
        world.busy_timeout(PATIENCE).unwrap();
        let mut rows =
            world.prepare("SELECT order_id, amount_cents FROM refunds ORDER BY number").unwrap();
        let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[track_caller]
    pub(super) fn nothing_was_done(&self) {
        assert_eq!(self.paid(), []);
        for kind in ["refund.paid", "account.closed", "customer.status_changed"] {
            assert_eq!(self.desk.effects(kind), 0, "{kind}");
        }
    }

    /// The store can not be written for as long as what is returned is there.
    pub(super) fn hold_the_store(&self) -> rusqlite::Connection {
        let store = rusqlite::Connection::open(self.desk.data().join("mcp-secure.sqlite")).unwrap();
        store.busy_timeout(PATIENCE).unwrap();
        store.execute_batch("BEGIN IMMEDIATE").unwrap();
        store
    }
}

/// The attack on each channel, with a desk of its own.
pub(super) fn on_every_channel(attack: impl Fn(&mut Scene)) {
    for channel in Channel::ALL {
        eprintln!("on {channel:?}");
        let desk = Desk::new();
        let server = desk.serve_with_inbox();
        let alice = Asker::open(channel, &desk, &server, "alice");
        let mut scene = Scene { channel, desk, server, alice };
        attack(&mut scene);
        scene.desk.effects_are_on_record();
        scene.desk.audit_holds();
    }
}

/// A call that refunds 1,500 cents of this order.
pub(super) fn refund(order: u32) -> Value {
    json!({"name": "request_refund", "arguments": {
        "order_id": format!("ord_{order}"), "amount_cents": 1_500, "reason": "damaged"}})
}

pub(super) fn was_paid(order: u32) -> (String, i64) {
    (format!("ord_{order}"), 1_500)
}

/// Long enough for the server to go on by itself with what it takes for approved.
pub(super) fn a_moment() {
    std::thread::sleep(Duration::from_millis(600));
}
