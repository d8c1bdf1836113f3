//! What is tried at the places where people decide, to decide as somebody else or as nobody.

use serde_json::json;

use super::deciding::{Decision, Form, Place, api, at, page_of, signed_in};
use super::place::{at_every_place, refund};
use crate::harness::{Finished, Request};

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
