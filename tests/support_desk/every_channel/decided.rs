//! What is tried at the places where people decide.

use serde_json::{Value, json};

use super::deciding::{Decision, Form, Place, Taken, api, at, page_of, signed_in};
use crate::harness::{
    Desk, Finished, PATIENCE, Request, Server, refund_arguments, refusal_code, structured,
};

/// A desk with a server, and one of the places.
struct Scene {
    place: Place,
    desk: Desk,
    server: Server,
}

/// The attack at each place, with a desk of its own.
fn at_every_place(attack: impl Fn(&Scene)) {
    for place in Place::ALL {
        eprintln!("at {place:?}");
        let desk = Desk::new();
        let server = desk.serve();
        let scene = Scene { place, desk, server };
        attack(&scene);
        scene.desk.effects_are_on_record();
        scene.desk.audit_holds();
    }
}

fn refund(order: u32) -> Value {
    json!({"order_id": format!("ord_{order}"), "amount_cents": 1_500, "reason": "damaged"})
}

impl Scene {
    /// Somebody's agent asks; the id of the request.
    #[track_caller]
    fn asked(&self, name: &str, tool: &str, arguments: &Value) -> String {
        let asked = self.call(name, tool, arguments);
        assert_eq!(refusal_code(&asked), "approval_required", "{asked:#}");
        structured(&asked)["approval_id"].as_str().unwrap().to_owned()
    }

    fn call(&self, name: &str, tool: &str, arguments: &Value) -> Value {
        self.server.ask(&self.desk.token(name), tool, arguments)
    }

    fn decides(&self, who: &str, decision: &Decision<'_>) -> Taken {
        self.place.decide(&self.desk, &self.server, who, decision)
    }

    /// Somebody approves the request as it is shown.
    fn approves(&self, who: &str, id: &str) -> Taken {
        self.decides(who, &Decision { id, verdict: "approve", ..Decision::default() })
    }

    /// The request as a lead sees it who does nothing here.
    #[track_caller]
    fn request(&self, id: &str) -> Value {
        self.desk.run(&["approvals", "show", id, "--as", "carol", "--format", "json"]).json()
    }

    /// It stands so, and this many have voted.
    #[track_caller]
    fn stands(&self, id: &str, state: &str, votes: usize) {
        let found = self.request(id);
        assert_eq!(found["state"], json!(state), "{found:#}");
        assert_eq!(found["votes"].as_array().unwrap().len(), votes, "{found:#}");
    }
}

impl Taken {
    #[track_caller]
    fn counted(&self) {
        assert!(self.counts, "{self:#?}");
    }

    #[track_caller]
    fn refused(&self) {
        assert!(!self.counts, "{self:#?}");
    }
}

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
fn b08_b37_at_every_place_what_proves_nobody_decides_nothing_and_a_decision_counts_once() {
    at_every_place(|scene| {
        let id = scene.asked(
            "alice",
            "close_account",
            &json!({"customer_id": "cus_1003", "reason": "x"}),
        );
        let digest = scene.request(&id)["digest"].as_str().unwrap().to_owned();
        let (desk, server) = (&scene.desk, &scene.server);
        // What asks has a token of its own, of bob's agent at that; and others would have none.
        let agents = desk.token("bob");
        let parts: Vec<&str> = agents.split('.').collect();
        let none = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
        for token in [&*agents, &none, "bob", ""] {
            let refused = match scene.place {
                Place::Here => {
                    let mut command = desk.command(&["approvals", "approve", &id]);
                    command.env("MCP_SECURE_TOKEN", token);
                    !Finished::of(&mut command).status.success()
                }
                Place::Elsewhere => {
                    let words = ["approvals", "approve", &id, "--digest", &digest];
                    !Finished::of(at(server, token).args(words)).status.success()
                }
                Place::Api => {
                    let body = json!({"digest": digest, "verdict": "approve"});
                    let path = format!("requests/{id}/decision");
                    api(server, token, "POST", &path, Some(&body)).status == 401
                }
                Place::Inbox => {
                    let form = format!("token={token}&digest={digest}&reason=seen");
                    let post = Request::new("POST", &format!("{}/approve", page_of(&id)))
                        .header("authorization", &format!("Bearer {token}"))
                        .header("cookie", &format!("mcp-secure-inbox={token}"))
                        .header("content-type", "application/x-www-form-urlencoded")
                        .header("origin", &format!("http://{}", server.address))
                        .header("sec-fetch-site", "same-origin")
                        .body(form);
                    post.send(server.address).status == 401
                }
            };
            assert!(refused, "{token:?}");
        }
        if scene.place == Place::Inbox {
            // A form of somebody else's session, in bob's: another site can not make him decide.
            let page = signed_in(desk, server, "carol").get(server.address, &page_of(&id));
            let foreign = Form::of(&page);
            let mut bob = signed_in(desk, server, "bob");
            for token in ["", "x", &foreign.token] {
                let form = [("token", token), ("digest", &digest), ("reason", "seen")];
                let action = format!("{}/approve", page_of(&id));
                assert_eq!(bob.post(server.address, &action, &form).status, 403, "{token:?}");
            }
            assert!(bob.get(server.address, &format!("{}/approve", page_of(&id))).status < 400);
        }
        scene.stands(&id, "pending", 0);
        scene.approves("bob", &id).counted();
        // The same once more is told how it stands, and is no second person.
        scene.approves("bob", &id);
        scene.stands(&id, "pending", 1);
        assert_eq!(scene.desk.effects("account.closed"), 0);
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
            for verdict in ["approve", "deny"] {
                // As it is shown to them, and with what somebody else was shown.
                for digest in [None, Some(&*digest)] {
                    scene
                        .decides(who, &Decision { id: &id, verdict, digest, more: None })
                        .refused();
                }
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

#[test]
fn b38_at_every_place_who_decides_is_who_proved_it_and_nobody_that_is_named() {
    at_every_place(|scene| {
        let id = scene.asked("alice", "request_refund", &refund(5010));
        let digest = scene.request(&id)["digest"].as_str().unwrap().to_owned();
        let (desk, server) = (&scene.desk, &scene.server);
        match scene.place {
            Place::Here => {
                for words in [&["--as", "nobody"][..], &["--as", "root"], &["--as", ""], &[]] {
                    let decide = [&["approvals", "approve", &id], words].concat();
                    assert!(!desk.run(&decide).status.success(), "{words:?}");
                }
            }
            Place::Elsewhere => {
                let mallory = desk.decision_token("mallory");
                for words in [&["--as", "bob"][..], &[]] {
                    let decide =
                        [&["approvals", "approve", &id, "--digest", &digest], words].concat();
                    let finished =
                        Finished::of(at(server, &mallory).env("USER", "bob").args(decide));
                    assert!(!finished.status.success(), "{finished:#?}");
                }
            }
            Place::Api => {
                let mallory = desk.decision_token("mallory");
                let claims = Request::new("POST", &format!("/approvals/v1/requests/{id}/decision"))
                    .header("authorization", &format!("Bearer {mallory}"))
                    .header("content-type", "application/json")
                    .header("x-user", "bob")
                    .header("x-forwarded-user", "bob")
                    .header("cookie", "user=bob")
                    .body(json!({"digest": digest, "verdict": "approve"}).to_string());
                assert_eq!(claims.send(server.address).status, 404);
                for name in ["person", "as", "decider", "subject"] {
                    let decision = Decision {
                        id: &id,
                        verdict: "approve",
                        digest: None,
                        more: Some((name, "bob")),
                    };
                    scene.decides("carol", &decision).refused();
                }
            }
            Place::Inbox => {
                let mut mallory = signed_in(desk, server, "mallory");
                // Hers is the form of another page of hers.
                let token = Form::of(&mallory.get(server.address, "/inbox")).token;
                let form = [("token", &*token), ("digest", &digest), ("reason", "seen")];
                let action = format!("{}/approve?as=bob", page_of(&id));
                assert!(mallory.post(server.address, &action, &form).status >= 400);
                for name in ["person", "as", "who"] {
                    let decision = Decision {
                        id: &id,
                        verdict: "approve",
                        digest: None,
                        more: Some((name, "bob")),
                    };
                    scene.decides("carol", &decision).refused();
                }
            }
        }
        scene.stands(&id, "pending", 0);
    });
}
