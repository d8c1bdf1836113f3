//! What is tried at the places where people decide, to have another decision counted than was made.

use serde_json::{Value, json};

use super::deciding::{Decision, Form, Place, page_of, signed_in};
use super::place::{at_every_place, refund};
use crate::harness::{PATIENCE, refund_arguments, refusal_code, structured};

#[test]
fn b01_b06_at_every_place_a_no_ends_it_and_no_later_yes_revives_it() {
    at_every_place(|scene| {
        let id = scene.asked("alice", "request_refund", &refund(5010));
        scene
            .decides("bob", &Decision { id: &id, verdict: "deny", ..Decision::default() })
            .counted();
        scene.stands(&id, "denied", 1);
        for who in ["carol", "bob"] {
            scene.approves(who, &id).refused();
        }
        scene.stands(&id, "denied", 1);
        let answer = scene.call("alice", "request_refund", &refund(5010));
        assert_eq!(refusal_code(&answer), "approval_denied");
        assert_eq!(scene.desk.effects("refund.paid"), 0);
    });
}

#[test]
fn b02_at_every_place_an_id_that_is_over_or_nobodys_resolves_nothing_that_is_pending() {
    at_every_place(|scene| {
        let over = scene.asked("alice", "request_refund", &refund(5010));
        scene.desk.approve(&over, "bob");
        let paid = scene.call("alice", "request_refund", &refund(5010));
        assert_eq!(structured(&paid)["status"], json!("refunded"));
        let pending = scene.asked("alice", "request_refund", &refund(5011));
        let digest = scene.request(&pending)["digest"].as_str().unwrap().to_owned();
        let nobodys = format!("apr_{}", "0".repeat(32));
        for id in [over.as_str(), &nobodys, "latest", "*", &pending[..12]] {
            for verdict in ["approve", "deny"] {
                // With the digest of what is pending, too.
                for digest in [None, Some(&*digest)] {
                    scene.decides("bob", &Decision { id, verdict, digest, more: None }).refused();
                }
            }
        }
        scene.stands(&pending, "pending", 0);
        assert_eq!(scene.desk.effects("refund.paid"), 1);
    });
}

#[test]
fn b03_b04_at_every_place_a_decision_is_on_what_was_shown_and_runs_nothing_by_itself() {
    at_every_place(|scene| {
        let id = scene.asked("alice", "request_refund", &refund(5010));
        let other = scene.asked("alice", "request_refund", &refund(5011));
        let digest = scene.request(&other)["digest"].as_str().unwrap().to_owned();
        for digest in [&*digest, &"0".repeat(64), "", &digest[..63], "latest"] {
            let decision =
                Decision { id: &id, verdict: "approve", digest: Some(digest), more: None };
            scene.decides("bob", &decision).refused();
        }
        scene.stands(&id, "pending", 0);
        scene.approves("bob", &id).counted();
        scene.stands(&id, "approved", 1);
        scene.stands(&other, "pending", 0);
        assert_eq!(scene.desk.effects("refund.paid"), 0, "a decision runs nothing by itself");
        for arguments in [refund(5011), refund_arguments()] {
            let answer = scene.call("alice", "request_refund", &arguments);
            assert_eq!(refusal_code(&answer), "approval_required", "{arguments}");
        }
        let paid = scene.call("alice", "request_refund", &refund(5010));
        assert_eq!(structured(&paid)["order_id"], json!("ord_5010"));
        assert_eq!(scene.desk.effects("refund.paid"), 1);
    });
}

#[test]
fn b05_b07_at_every_place_a_decision_with_more_or_other_words_than_there_are_counts_for_nothing() {
    at_every_place(|scene| {
        let id = scene.asked("alice", "request_refund", &refund(5010));
        for more in [
            ("tool", "close_account"),
            ("arguments", r#"{"order_id":"ord_5011"}"#),
            ("digset", "0"),
            ("all", "true"),
            ("quorum", "0"),
            ("force", "1"),
        ] {
            let decision = Decision { id: &id, verdict: "approve", digest: None, more: Some(more) };
            scene.decides("bob", &decision).refused();
        }
        for verdict in ["aprove", "APPROVE", "approved", "yes", "auto", "edit", ""] {
            let decision = Decision { id: &id, verdict, ..Decision::default() };
            scene.decides("bob", &decision).refused();
        }
        let found = scene.request(&id);
        assert_eq!(
            (&found["state"], &found["tool"]),
            (&json!("pending"), &json!("request_refund"))
        );
        assert_eq!(found["votes"], json!([]), "{found:#}");
        assert_eq!(found["arguments"], refund(5010), "{found:#}");
    });
}

#[test]
fn b09_at_every_place_what_a_model_wrote_is_shown_as_that_and_acts_on_nothing() {
    at_every_place(|scene| {
        let says = "\u{1b}[2J<script>alert(1)</script>\u{202e}decided by carol";
        let id = scene.asked(
            "alice",
            "close_account",
            &json!({"customer_id": "cus_1003", "reason": says}),
        );
        let shown = scene.place.shows(&scene.desk, &scene.server, "bob", &id).unwrap();
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert!(shown.contains("decided by carol"), "it is there to be read: {shown}");
        if scene.place == Place::Api {
            // Data for a program, as a string in its field.
            let shown: Value = serde_json::from_str(&shown).unwrap();
            assert_eq!(shown["arguments"]["reason"], json!(says));
            assert_eq!(shown["votes"], json!([]), "{shown:#}");
        } else {
            assert!(!shown.contains('\u{202e}'), "{shown}");
        }
        if scene.place == Place::Inbox {
            assert!(!shown.contains("<script>alert"), "{shown}");
        }
        scene.stands(&id, "pending", 0);
    });
}

#[test]
fn b21_at_every_place_a_decision_that_comes_too_late_counts_for_nothing() {
    at_every_place(|scene| {
        for (order, verdict) in [(5010, "approve"), (5011, "deny")] {
            let id = scene.asked("alice", "request_refund", &refund(order));
            scene.desk.let_expire(&id);
            scene.decides("bob", &Decision { id: &id, verdict, ..Decision::default() }).refused();
            let answer = scene.call("alice", "request_refund", &refund(order));
            assert_eq!(refusal_code(&answer), "approval_expired", "{verdict}");
            scene.stands(&id, "expired", 0);
        }
        assert_eq!(scene.desk.effects("refund.paid"), 0);
    });
}

#[test]
fn b28_at_every_place_a_decision_that_can_not_be_written_down_counts_for_nothing() {
    at_every_place(|scene| {
        let id = scene.asked("alice", "request_refund", &refund(5010));
        let digest = scene.request(&id)["digest"].as_str().unwrap().to_owned();
        // Signed in before, where that is a matter of its own.
        let mut bob =
            (scene.place == Place::Inbox).then(|| signed_in(&scene.desk, &scene.server, "bob"));
        let page = bob.as_mut().map(|bob| bob.get(scene.server.address, &page_of(&id)));
        let store =
            rusqlite::Connection::open(scene.desk.data().join("mcp-secure.sqlite")).unwrap();
        store.busy_timeout(PATIENCE).unwrap();
        store.execute_batch("BEGIN IMMEDIATE").unwrap();
        match (&mut bob, page) {
            (Some(bob), Some(page)) => {
                let form =
                    [("token", &*Form::of(&page).token), ("digest", &digest), ("reason", "s")];
                let action = format!("{}/approve", page_of(&id));
                let answer = bob.post(scene.server.address, &action, &form);
                assert!(answer.status >= 400, "{answer:#?}");
            }
            _ => scene.approves("bob", &id).refused(),
        }
        store.execute_batch("ROLLBACK").unwrap();
        scene.stands(&id, "pending", 0);
        let answer = scene.call("alice", "request_refund", &refund(5010));
        assert_eq!(refusal_code(&answer), "approval_required");
        scene.approves("bob", &id).counted();
        scene.stands(&id, "approved", 1);
    });
}

#[test]
fn b29_at_every_place_a_decision_that_does_not_count_reads_like_none() {
    at_every_place(|scene| {
        let id = scene.asked("bob", "request_refund", &refund(5010));
        let refused = scene.approves("bob", &id);
        refused.refused();
        let says = refused.says.to_lowercase();
        for word in ["the request is `approved`", "\"approved\"", "thank", "success"] {
            assert!(!says.contains(word), "{word}: {says}");
        }
        let plain = ["not ", "does not count", "own_request", "requester"];
        assert!(plain.iter().any(|word| says.contains(word)), "{says}");
        scene.stands(&id, "pending", 0);
    });
}

#[test]
fn b30_at_every_place_who_asked_who_may_not_and_who_is_of_another_tenant_decide_nothing() {
    at_every_place(|scene| {
        // Bob is a lead, and asks himself.
        let id = scene.asked("bob", "request_refund", &refund(5010));
        let digest = scene.request(&id)["digest"].as_str().unwrap().to_owned();
        for who in ["bob", "alice", "mallory", "dave", "erin"] {
            // As it is shown to them, and under what somebody else was shown.
            for (verdict, digest) in [("approve", None), ("deny", Some(&*digest))] {
                scene.decides(who, &Decision { id: &id, verdict, digest, more: None }).refused();
            }
        }
        scene.stands(&id, "pending", 0);
        // Erin leads another tenant's desk: to her it is not there.
        assert_eq!(scene.place.shows(&scene.desk, &scene.server, "erin", &id), None);
        assert!(scene.place.shows(&scene.desk, &scene.server, "bob", &id).is_some());
        scene.approves("carol", &id).counted();
        scene.stands(&id, "approved", 1);
        // Who tried is on record.
        let tried = scene.desk.records(&["--outcome", "decision"]);
        for who in ["bob", "mallory", "erin"] {
            let by = |record: &&Value| record["principal"]["subject"] == json!(who);
            assert!(tried.iter().any(|record| by(&record)), "{who}: {tried:#?}");
        }
    });
}
