use serde_json::json;

use super::kit::Town;
use crate::canon::Digest;

#[tokio::test]
async fn a_decision_lets_the_call_run_once() {
    let town = Town::open().await;
    let approval = town.asked(12_000).await;
    let body = json!({"digest": approval.effect, "verdict": "approve", "reason": "seen the bill"});
    let path = format!("requests/{}/decision", approval.id);
    let decided = town.post(&town.token("bob"), &path, &body).await.ok();
    assert_eq!((&decided["state"], &decided["approvals"]), (&json!("approved"), &json!(1)));
    let vote = &decided["votes"][0];
    assert_eq!(
        (&vote["person"], &vote["verdict"], &vote["reason"], &vote["client"], &vote["identity"]),
        (
            &json!("bob"),
            &json!("approve"),
            &json!("seen the bill"),
            &json!("desk"),
            &json!("bearer")
        )
    );
    let arguments = json!({"cents": 12_000, "memo": "rent", "iban": "DE89 3704"});
    assert!(town.call("alice", "pay", arguments.clone()).await.ok);
    assert!(town.call("alice", "pay", arguments).await.ok, "its answer is given again");
    assert_eq!(town.money(), 12_000);
}

#[tokio::test]
async fn two_people_decide_where_two_have_to() {
    let town = Town::open().await;
    let approval = town.asked_for("close_bank", json!({"day": 3})).await;
    let first = town.vote(&town.token("bob"), &approval, "approve").await.ok();
    assert_eq!((&first["state"], &first["approvals"]), (&json!("pending"), &json!(1)));
    // Another account of the same person, and the same vote once more.
    for over in [json!({"sub": "bobby"}), json!({})] {
        let again = town.token_with("bob", &over);
        let again = town.vote(&again, &approval, "approve").await;
        assert_eq!(again.refused(), (409, "already_voted"), "{over}");
    }
    let second = town.vote(&town.token("carol"), &approval, "approve").await.ok();
    assert_eq!(second["state"], "approved");
    let late = town.vote(&town.token("carol"), &approval, "deny").await;
    assert_eq!(late.refused(), (409, "not_pending"), "a decision is not taken back by another");
}

#[tokio::test]
async fn one_denial_is_enough_and_stays() {
    let town = Town::open().await;
    let approval = town.asked(12_000).await;
    let denied = town.vote(&town.token("bob"), &approval, "deny").await.ok();
    assert_eq!((&denied["state"], &denied["detail"]), (&json!("denied"), &json!("by bob")));
    let after = town.vote(&town.token("carol"), &approval, "approve").await;
    assert_eq!(after.refused(), (409, "not_pending"));
    let arguments = json!({"cents": 12_000, "memo": "rent", "iban": "DE89 3704"});
    assert_eq!(town.call("alice", "pay", arguments).await.code(), Some("approval_denied"));
    assert_eq!(town.money(), 0);
}

#[tokio::test]
async fn b30_nobody_decides_on_what_they_asked_for() {
    let town = Town::open().await;
    let approval = town.asked(12_000).await;
    for (name, over, refused) in [
        // The account itself, and another account of the same person.
        ("alice", json!({}), (403, "own_request")),
        ("bob", json!({"person": "alice"}), (403, "own_request")),
        // Nobody, a blank, somebody who speaks for another, and the agent's own client.
        ("bob", json!({"person": null}), (403, "no_person")),
        ("bob", json!({"person": " "}), (403, "no_person")),
        ("bob", json!({"act": {"sub": "agent"}}), (403, "delegated")),
        ("bob", json!({"client_id": "agent"}), (403, "same_client")),
        ("mallory", json!({}), (404, "not_found")),
    ] {
        let token = town.token_with(name, &over);
        assert_eq!(
            town.vote(&token, &approval, "approve").await.refused(),
            refused,
            "{name} {over}"
        );
    }
    let shown = town.get(&town.token("bob"), &format!("requests/{}", approval.id)).await.ok();
    assert_eq!((&shown["state"], &shown["votes"]), (&json!("pending"), &json!([])));
    let record = town.record().await;
    assert!(
        record.contains("vote_refused") && record.contains("not_found"),
        "each try is on record"
    );
}

#[tokio::test]
async fn b02_a_decision_is_on_what_was_shown() {
    let town = Town::open().await;
    let approval = town.asked(12_000).await;
    let other = town.asked(13_000).await;
    let path = format!("requests/{}/decision", approval.id);
    for digest in [other.effect, Digest::of_bytes(b"guess")] {
        let body = json!({"digest": digest, "verdict": "approve"});
        let reply = town.post(&town.token("bob"), &path, &body).await;
        assert_eq!(reply.refused(), (409, "stale_digest"));
    }
    town.clock.advance_millis(3 * 3600 * 1000);
    let late = town.vote(&town.token("bob"), &approval, "approve").await;
    assert_eq!(late.refused(), (409, "expired"));
}

#[tokio::test]
async fn who_asked_takes_it_back_and_nobody_else() {
    let town = Town::open().await;
    let approval = town.asked(12_000).await;
    let path = format!("requests/{}/withdraw", approval.id);
    let other = town.post(&town.token("bob"), &path, &json!({})).await;
    assert_eq!(other.refused(), (404, "not_found"));
    let more = town.post(&town.token("alice"), &path, &json!({"reason": "x"})).await;
    assert_eq!(more.refused(), (400, "bad_request"));
    let taken = town.post(&town.token("alice"), &path, &json!({})).await.ok();
    assert_eq!((&taken["state"], &taken["digest"]), (&json!("withdrawn"), &json!(approval.effect)));
    let late = town.vote(&town.token("bob"), &approval, "approve").await;
    assert_eq!(late.refused(), (409, "not_pending"));
    let denied = town.asked(13_000).await;
    town.vote(&town.token("bob"), &denied, "deny").await.ok();
    let path = format!("requests/{}/withdraw", denied.id);
    let late = town.post(&town.token("alice"), &path, &json!({})).await;
    assert_eq!(late.refused(), (409, "too_late"));
}

#[tokio::test]
async fn what_stands_is_voided_as_far_as_one_may_decide() {
    let town = Town::open().await;
    let first = town.asked(100).await;
    let second = town.asked(200).await;
    town.vote(&town.token("carol"), &second, "approve").await.ok();
    let bob = town.token("bob");
    let blank = town.post(&bob, "void", &json!({"reason": " "})).await;
    assert_eq!(blank.refused(), (400, "bad_request"));
    let odd = town.post(&bob, "void", &json!({"reason": "x", "before": "yesterday"})).await;
    assert_eq!(odd.refused(), (400, "bad_request"));
    let before = json!({"reason": "restored", "before": "2020-01-01T00:00:00Z"});
    assert_eq!(town.post(&bob, "void", &before).await.ok(), json!({"voided": [], "left": []}));
    let made = town.post(&bob, "void", &json!({"reason": "restored"})).await.ok();
    let states: Vec<_> = made["voided"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].clone(), one["state"].clone()))
        .collect();
    assert_eq!(states.len(), 2, "{made}");
    // Under what they were shown before, from which nothing masked can be found by trying.
    for one in made["voided"].as_array().unwrap() {
        let asked = if one["id"] == json!(first.id) { &first } else { &second };
        assert_eq!(one["digest"], json!(asked.effect), "{made}");
    }
    assert!(states.contains(&(json!(first.id), json!("withdrawn"))), "{states:?}");
    assert!(states.contains(&(json!(second.id), json!("void"))), "{states:?}");
}
