//! What a client tries on the channel it waits on, to have another call carried out than people see.

use serde_json::json;

use super::asking::{Asked, Channel, Told};
use super::scene::{a_moment, on_every_channel, refund, was_paid};

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
        scene.alice.back(&asked, &call).waits();
        scene.alice.again(&call).waits();
        scene.nothing_was_done();
        scene.stands(&asked, "pending");
        // Decided while nobody serves: a task that runs when its server is killed is in doubt, and rightly so.
        scene.server.kill();
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
