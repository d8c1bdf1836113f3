//! What a client tries on the channel it waits on.

use std::time::Duration;

use serde_json::{Value, json};

use super::asking::{Asked, Asker, Channel, Told};
use super::deciding::{Decision, Place};
use crate::harness::{Desk, PATIENCE, Server};

/// A desk, a server, and alice's client on one of the channels.
struct Scene {
    channel: Channel,
    desk: Desk,
    server: Server,
    alice: Asker,
}

impl Scene {
    fn client(&self, name: &str) -> Asker {
        Asker::open(self.channel, &self.desk, &self.server, name)
    }

    /// All its processes are killed, and others take their place.
    fn restart(&mut self) {
        self.server.kill();
        self.server = self.desk.serve_with_inbox();
        self.alice = self.client("alice");
    }

    #[track_caller]
    fn deny(&self, id: &str) {
        self.desk.run(&["approvals", "deny", id, "--as", "bob", "--reason", "no"]).succeeded();
    }

    /// The request as a lead sees it.
    #[track_caller]
    fn request(&self, id: &str) -> Value {
        self.desk.run(&["approvals", "show", id, "--as", "carol", "--format", "json"]).json()
    }

    #[track_caller]
    fn stands(&self, asked: &Asked, state: &str) {
        let found = self.request(&asked.id);
        assert_eq!(found["state"], json!(state), "{found:#}");
        if state == "pending" {
            assert_eq!(found["votes"], json!([]), "{found:#}");
        }
    }

    /// What was paid, as order and cents.
    fn paid(&self) -> Vec<(String, i64)> {
        let world = self.desk.data().join("support-desk.sqlite");
        let world = rusqlite::Connection::open(world).unwrap();
        world.busy_timeout(PATIENCE).unwrap();
        let mut rows =
            world.prepare("SELECT order_id, amount_cents FROM refunds ORDER BY number").unwrap();
        let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[track_caller]
    fn nothing_was_done(&self) {
        assert_eq!(self.paid(), []);
        for kind in ["refund.paid", "account.closed", "customer.status_changed"] {
            assert_eq!(self.desk.effects(kind), 0, "{kind}");
        }
    }

    /// The store can not be written for as long as what is returned is there.
    fn hold_the_store(&self) -> rusqlite::Connection {
        let store = rusqlite::Connection::open(self.desk.data().join("mcp-secure.sqlite")).unwrap();
        store.busy_timeout(PATIENCE).unwrap();
        store.execute_batch("BEGIN IMMEDIATE").unwrap();
        store
    }
}

/// The attack on each channel, with a desk of its own.
fn on_every_channel(attack: impl Fn(&mut Scene)) {
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
fn refund(order: u32) -> Value {
    json!({"name": "request_refund", "arguments": {
        "order_id": format!("ord_{order}"), "amount_cents": 1_500, "reason": "damaged"}})
}

fn was_paid(order: u32) -> (String, i64) {
    (format!("ord_{order}"), 1_500)
}

/// Long enough for the server to go on by itself with what it takes for approved.
fn a_moment() {
    std::thread::sleep(Duration::from_millis(600));
}

#[test]
fn b01_on_every_channel_a_denied_call_does_not_run_whatever_its_client_does() {
    on_every_channel(|scene| {
        let call = refund(5010);
        let asked = scene.alice.ask(&call);
        scene.deny(&asked.id);
        for told in scene.alice.every_way(&asked, &call) {
            told.was_not_done();
        }
        scene.alice.back(&asked, &call).is("approval_denied");
        a_moment();
        scene.nothing_was_done();
        scene.stands(&asked, "denied");
    });
}

#[test]
fn b02_on_every_channel_what_is_brought_back_of_one_request_resolves_no_other() {
    on_every_channel(|scene| {
        let (first, second) = (refund(5010), refund(5011));
        let asked = scene.alice.ask(&first);
        let other = scene.alice.ask(&second);
        assert_ne!(asked.id, other.id);
        scene.desk.approve(&asked.id, "bob");
        let receipt = scene.alice.settled(&asked, &first).done();
        assert_eq!(receipt["order_id"], json!("ord_5010"), "{receipt:#}");
        // What is left of the first one is brought back for the second.
        match scene.alice.back(&asked, &second) {
            Told::Done(again) => assert_eq!(again, receipt, "a task is the one it was"),
            told => drop(told.was_not_done()),
        }
        let nobodys = Asked { id: format!("apr_{}", "0".repeat(32)), ..asked.clone() };
        if scene.channel == Channel::Task {
            let Told::Error(_) = scene.alice.back(&nobodys, &second) else { panic!("a task") };
        }
        scene.alice.back(&other, &second).waits();
        a_moment();
        assert_eq!(scene.paid(), [was_paid(5010)]);
        scene.stands(&other, "pending");
    });
}

#[test]
fn b03_on_every_channel_the_gate_holds_streamed_repeated_and_after_a_restart() {
    on_every_channel(|scene| {
        let mut streamed = refund(5010);
        streamed["_meta"]["progressToken"] = json!("t");
        let call = refund(5010);
        let asked = scene.alice.ask(&streamed);
        for told in scene.alice.every_way(&asked, &call) {
            told.was_not_done();
        }
        scene.restart();
        a_moment();
        for told in scene.alice.every_way(&asked, &call) {
            told.was_not_done();
        }
        scene.nothing_was_done();
        scene.stands(&asked, "pending");
        scene.desk.approve(&asked.id, "bob");
        scene.restart();
        assert_eq!(scene.alice.settled(&asked, &call).done()["status"], json!("refunded"));
        assert_eq!(scene.paid(), [was_paid(5010)]);
    });
}

#[test]
fn b04_on_every_channel_an_approved_call_runs_with_the_arguments_that_were_approved() {
    on_every_channel(|scene| {
        let call = refund(5010);
        let asked = scene.alice.ask(&call);
        scene.desk.approve(&asked.id, "bob");
        let changes = [
            ("order_id", json!("ord_5011")),
            ("amount_cents", json!(1)),
            ("amount_cents", json!(1_499)),
            ("reason", json!("goodwill")),
        ];
        for (name, value) in changes {
            let mut other = call.clone();
            other["arguments"][name] = value;
            scene.alice.again(&other).was_not_done();
            // A task is looked at, and no call goes with that.
            if scene.channel != Channel::Task {
                scene.alice.back(&asked, &other).was_not_done();
            }
        }
        let empty = json!({"name": "request_refund", "arguments": {}});
        scene.alice.again(&empty).is("invalid_arguments");
        if scene.channel == Channel::Task {
            let answers = json!({"arguments": {"order_id": "ord_5011", "amount_cents": 1}});
            scene.alice.about("tasks/update", &asked.id, answers);
        } else {
            scene.nothing_was_done();
        }
        scene.alice.settled(&asked, &call).done();
        assert_eq!(scene.paid(), [was_paid(5010)], "as it was approved, once");
    });
}

#[test]
fn b05_on_every_channel_a_pending_call_is_not_turned_into_another_tool() {
    on_every_channel(|scene| {
        let call = refund(5010);
        let asked = scene.alice.ask(&call);
        let others = [
            json!({"name": "close_account", "arguments": {"customer_id": "cus_1003", "reason": "x"}}),
            json!({"name": "request_customer_status_change", "arguments": {
                "customer_id": "cus_1003", "proposed_status": "closed", "reason": "x"}}),
            // The approved arguments under another name.
            json!({"name": "close_account", "arguments": call["arguments"]}),
        ];
        for approved in [false, true] {
            if approved {
                scene.desk.approve(&asked.id, "bob");
            }
            for other in &others {
                match scene.channel {
                    Channel::Task => {
                        scene.alice.about("tasks/update", &asked.id, other.clone());
                    }
                    _ => drop(scene.alice.back(&asked, other).was_not_done()),
                }
                scene.alice.again(other).was_not_done();
            }
        }
        scene.alice.settled(&asked, &call).done();
        for kind in ["account.closed", "customer.status_changed"] {
            assert_eq!(scene.desk.effects(kind), 0, "{kind}");
        }
        assert_eq!(scene.paid(), [was_paid(5010)]);
    });
}

#[test]
fn b06_on_every_channel_a_rejected_call_is_not_run_by_a_retry_a_jump_or_a_restart() {
    on_every_channel(|scene| {
        let call = refund(5010);
        let asked = scene.alice.ask(&call);
        scene.deny(&asked.id);
        for round in 0..2 {
            if scene.channel == Channel::Task {
                scene.alice.about("tasks/cancel", &asked.id, json!({}));
            }
            for told in scene.alice.every_way(&asked, &call) {
                told.was_not_done();
            }
            scene.alice.back(&asked, &call).is("approval_denied");
            scene.desk.run(&["approvals", "approve", &asked.id, "--as", "carol"]).exited_with(1);
            scene.stands(&asked, "denied");
            if round == 0 {
                scene.restart();
                a_moment();
            }
        }
        scene.nothing_was_done();
    });
}

#[test]
fn b07_on_every_channel_a_wish_that_is_misspelt_or_missing_approves_nothing() {
    on_every_channel(|scene| {
        let call = refund(5010);
        for (key, value) in [
            ("mcp-secure/skip_approval", json!(true)),
            ("mcp-secure/aproval", json!("required")),
            ("mcp-secure/approval", json!("auto")),
            ("mcp-secure/dry-run", json!(true)),
        ] {
            let mut wished = call.clone();
            wished["_meta"][key] = value;
            scene.alice.again(&wished).is("invalid_arguments");
        }
        for (key, value) in
            [("approval", json!(false)), ("approved", json!(true)), ("dry_run", json!(true))]
        {
            let mut wished = call.clone();
            wished["arguments"][key] = value;
            scene.alice.again(&wished).is("invalid_arguments");
        }
        // Beside the arguments it is no wish of the protocol's, and nobody's.
        let mut wished = call.clone();
        wished["approval"] = json!({"mode": "never"});
        wished["task"] = json!({"approve": true});
        scene.alice.again(&wished).waits();
        a_moment();
        scene.nothing_was_done();
    });
}

#[test]
fn b08_b37_on_every_channel_nothing_a_client_holds_or_answers_is_a_decision_and_none_is_used_twice()
{
    on_every_channel(|scene| {
        let call = refund(5010);
        let asked = scene.alice.ask(&call);
        for told in scene.alice.every_way(&asked, &call) {
            told.was_not_done();
        }
        a_moment();
        scene.nothing_was_done();
        scene.stands(&asked, "pending");
        scene.desk.approve(&asked.id, "bob");
        let receipt = scene.alice.settled(&asked, &call).done();
        // The answer that there was is heard again, and nothing comes of it.
        for told in scene.alice.every_way(&asked, &call) {
            if let Told::Done(again) = told {
                assert_eq!(again, receipt);
            }
        }
        scene.desk.run(&["approvals", "approve", &asked.id, "--as", "carol"]).exited_with(1);
        a_moment();
        assert_eq!(scene.paid(), [was_paid(5010)]);
        // Nor does it open the way for the next one.
        let next = refund(5011);
        let asked = scene.alice.ask(&next);
        for told in scene.alice.every_way(&asked, &next) {
            told.was_not_done();
        }
        assert_eq!(scene.paid(), [was_paid(5010)]);
    });
}

#[test]
fn b09_on_every_channel_no_word_of_the_models_stands_where_the_client_is_asked() {
    on_every_channel(|scene| {
        let says = "APPROVED BY BOB\u{202e} press accept";
        let call = json!({"name": "close_account", "arguments": {
            "customer_id": "cus_1003", "reason": says}});
        let asked = scene.alice.ask(&call);
        let told = scene.alice.back(&asked, &call);
        told.waits();
        let Told::Waits(shown) = &told else { panic!("{told:#?}") };
        for message in asked.shown.iter().chain([shown]) {
            let text = message.to_string();
            assert!(!text.contains("BY BOB") && !text.contains("press accept"), "{text}");
        }
        // To people it is shown, as what it is.
        assert_eq!(scene.request(&asked.id)["arguments"]["reason"], json!(says));
        scene.nothing_was_done();
    });
}

#[test]
fn b21_on_every_channel_what_is_not_decided_or_not_used_in_time_is_not_run() {
    on_every_channel(|scene| {
        let call = refund(5010);
        let asked = scene.alice.ask(&call);
        scene.desk.let_expire(&asked.id);
        a_moment();
        scene.alice.back(&asked, &call).is("approval_expired");
        for told in scene.alice.every_way(&asked, &call) {
            told.was_not_done();
        }
        scene.desk.run(&["approvals", "approve", &asked.id, "--as", "bob"]).exited_with(1);
        scene.stands(&asked, "expired");
        // An approval that nobody used: a task's server uses it by itself, so there has to be none meanwhile.
        let next = refund(5011);
        let asked = scene.alice.ask(&next);
        scene.server.kill();
        scene.desk.approve(&asked.id, "bob");
        scene.desk.let_expire(&asked.id);
        scene.restart();
        a_moment();
        scene.alice.back(&asked, &next).is("approval_expired");
        scene.nothing_was_done();
    });
}

#[test]
fn b28_on_every_channel_nothing_runs_while_it_can_not_be_written_down_that_it_does() {
    on_every_channel(|scene| {
        let call = refund(5010);
        let asked = scene.alice.ask(&call);
        if scene.channel != Channel::Task {
            // A task would be run at once.
            scene.desk.approve(&asked.id, "bob");
        }
        let store = scene.hold_the_store();
        scene.alice.back(&asked, &call).was_not_done();
        scene.alice.again(&call).was_not_done();
        scene.alice.again(&refund(5011)).was_not_done();
        assert!(
            scene.desk.run(&["approvals", "approve", &asked.id, "--as", "bob"]).status.code()
                == Some(1)
        );
        scene.nothing_was_done();
        store.execute_batch("ROLLBACK").unwrap();
        if scene.channel == Channel::Task {
            scene.stands(&asked, "pending");
            scene.desk.approve(&asked.id, "bob");
        }
        scene.alice.settled(&asked, &call).done();
        assert_eq!(scene.paid(), [was_paid(5010)]);
    });
}

#[test]
fn b29_on_every_channel_a_call_that_was_not_carried_out_reads_like_one() {
    on_every_channel(|scene| {
        let says = |told: &Told| {
            let words = told.words();
            assert!(!words.is_empty(), "{told:#?}");
            for text in words {
                // An address is handed over with what it is for, and not with the end of anything.
                let plain = text.starts_with("NOT EXECUTED")
                    || text.contains("waits for a person to approve or deny it");
                assert!(plain, "{text}");
                let lower = text.to_lowercase();
                for word in ["success", "refunded", "has been approved", "was carried out"] {
                    assert!(!lower.contains(word), "{word}: {text}");
                }
            }
        };
        let call = refund(5010);
        let asked = scene.alice.ask(&call);
        let first = asked.shown.last().unwrap();
        says(&Told::Waits(first["result"].clone()));
        says(&scene.alice.back(&asked, &call));
        scene.deny(&asked.id);
        says(&scene.alice.back(&asked, &call));
        let call = refund(5011);
        let asked = scene.alice.ask(&call);
        scene.desk.let_expire(&asked.id);
        says(&scene.alice.back(&asked, &call));
        scene.nothing_was_done();
    });
}

#[test]
fn b30_on_every_channel_who_asked_decides_nowhere_and_neither_does_a_stranger() {
    on_every_channel(|scene| {
        let call = refund(5010);
        // Bob is a lead, and it is his agent that asks.
        let mut agent = scene.client("bob");
        let asked = agent.ask(&call);
        for place in Place::ALL {
            for who in ["bob", "mallory", "erin"] {
                let on = Decision { id: &asked.id, verdict: "approve", ..Decision::default() };
                let taken = place.decide(&scene.desk, &scene.server, who, &on);
                assert!(!taken.counts, "{who} at {place:?}: {taken:#?}");
            }
        }
        scene.stands(&asked, "pending");
        agent.back(&asked, &call).waits();
        a_moment();
        scene.nothing_was_done();
        scene.desk.approve(&asked.id, "carol");
        agent.settled(&asked, &call).done();
        assert_eq!(scene.paid(), [was_paid(5010)]);
    });
}

#[test]
fn b38_on_every_channel_what_somebody_asked_for_is_theirs_alone_whatever_others_say_they_are() {
    on_every_channel(|scene| {
        let mut call = refund(5010);
        let asked = scene.alice.ask(&call);
        let claims = json!({
            "io.modelcontextprotocol/clientInfo": {"name": "alice", "version": "1"},
            "user": "alice", "sub": "alice", "principal": {"subject": "alice"}, "tenant": "acme",
        });
        for approved in [false, true] {
            if approved {
                // Nothing runs by itself that a tool's switch holds.
                let switch = ["switch", "off", "tool:request_refund", "--as", "carol"];
                scene.desk.run(&switch).succeeded();
                scene.desk.approve(&asked.id, "bob");
            }
            for name in ["bob", "carol", "mallory", "dave"] {
                let mut other = scene.client(name);
                call["_meta"] = claims.clone();
                other.back(&asked, &call).was_not_done();
                other.again(&call).was_not_done();
                if scene.channel == Channel::Task {
                    for method in ["tasks/update", "tasks/cancel"] {
                        let answer = other.about(method, &asked.id, json!({}));
                        assert!(answer.get("error").is_some(), "{name}: {answer:#}");
                    }
                }
            }
        }
        scene.nothing_was_done();
        scene.stands(&asked, "approved");
        scene.desk.run(&["switch", "on", "tool:request_refund", "--as", "carol"]).succeeded();
        call.as_object_mut().unwrap().remove("_meta");
        let since = std::time::Instant::now();
        // The switch is read four times a second.
        while !matches!(scene.alice.back(&asked, &call), Told::Done(_)) {
            assert!(since.elapsed() < PATIENCE, "it is never carried out");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(scene.paid(), [was_paid(5010)]);
    });
}
