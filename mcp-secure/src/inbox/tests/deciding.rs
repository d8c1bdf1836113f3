use std::sync::atomic::Ordering;

use serde_json::json;

use super::kit::{Town, form};
use crate::approval::{StateKind, Verdict};
use crate::canon::Digest;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_read_and_approved_and_runs_once() {
    let town = Town::open().await;
    let asked = town.asked(500).await;
    let mut bob = town.signed_in("bob").await;
    let list = bob.get("/inbox").await;
    assert_eq!(list.status, 200);
    assert!(
        list.text().contains("Pay somebody") && list.text().contains("high risk"),
        "{}",
        list.text()
    );
    let page = bob.get(&format!("/inbox/requests/{}", asked.id)).await;
    let text = page.text();
    for part in ["alice", "acme", "agent", "500", "rent", "not shown", "99500", "money.pay.approve"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!page.body.contains("DE89"), "a sensitive value is shown");
    let decided = bob.decide(&asked.id, "approve", "seen the contract").await;
    let next = format!("/inbox/requests/{}/decided", asked.id);
    assert_eq!(
        (decided.status, decided.header("location")),
        (303, Some(&*next)),
        "{}",
        decided.body
    );
    assert!(bob.get(&next).await.text().contains("You approved this."));
    let now = town.stored(&asked.id).await;
    assert_eq!(now.state.kind(), StateKind::Approved);
    assert_eq!(now.votes[0].reason.as_deref(), Some("seen the contract"));
    assert_eq!(now.votes[0].client, "inbox");
    let ran =
        town.call("alice", "pay", json!({"cents": 500, "memo": "rent", "iban": "DE89 3704"})).await;
    assert!(ran.ok, "{ran:?}");
    assert_eq!(town.ledger.0.load(Ordering::SeqCst), 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denial_takes_a_reason_and_one_is_enough() {
    let town = Town::open().await;
    let asked = town.asked(500).await;
    let mut bob = town.signed_in("bob").await;
    for reason in ["", "  \n"] {
        let reply = bob.decide(&asked.id, "deny", reason).await;
        assert_eq!(reply.status, 422);
        assert!(reply.text().contains("Nothing was decided."));
    }
    assert_eq!(town.stored(&asked.id).await.state.kind(), StateKind::Pending);
    assert_eq!(bob.decide(&asked.id, "deny", &"x".repeat(1001)).await.status, 422);
    assert_eq!(bob.decide(&asked.id, "deny", "not twice").await.status, 303);
    let page = bob.get(&format!("/inbox/requests/{}/decided", asked.id)).await;
    assert!(page.text().contains("You denied this. It will not run."));
    let again = town.asked_again().await;
    assert_eq!(again.code(), Some("approval_denied"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_decide_where_two_are_asked_for_and_one_person_counts_once() {
    let town = Town::open().await;
    let reply = town.call("alice", "close_bank", json!({"day": 3})).await;
    let id = reply.approval_id().unwrap().parse().unwrap();
    let mut bob = town.signed_in("bob").await;
    assert_eq!(bob.decide(&id, "approve", "").await.status, 303);
    let page = bob.get(&format!("/inbox/requests/{id}/decided")).await;
    assert!(page.text().contains("1 of 2 approvals are there"), "{}", page.text());
    assert!(
        bob.get(&format!("/inbox/requests/{id}"))
            .await
            .text()
            .contains("You have decided on this.")
    );
    let mut bobby = town.signed_in("bobby").await;
    let digest = town.stored(&id).await.effect.to_hex();
    let page = bobby.get("/inbox").await;
    let fields = [("token", &*page.field("token").unwrap()), ("digest", &*digest), ("reason", "")];
    let again = bobby.post(&format!("/inbox/requests/{id}/approve"), &fields).await;
    // The same human once more: what the first account did is what is told.
    assert_eq!(again.status, 303);
    assert_eq!(town.stored(&id).await.votes.len(), 1);
    let deny = [fields[0], fields[1], ("reason", "changed my mind")];
    let other = bobby.post(&format!("/inbox/requests/{id}/deny"), &deny).await;
    assert_eq!(other.status, 409);
    assert!(other.text().contains("already voted"), "{}", other.text());
    let mut carol = town.signed_in("carol").await;
    assert_eq!(carol.decide(&id, "approve", "").await.status, 303);
    assert_eq!(town.stored(&id).await.state.kind(), StateKind::Approved);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b02_what_was_shown_is_what_is_decided() {
    let town = Town::open().await;
    let (shown, other) = (town.asked(1).await, town.asked(2).await);
    let mut bob = town.signed_in("bob").await;
    let token = bob.get("/inbox").await.field("token").unwrap();
    for digest in [other.effect.to_hex(), Digest::of_bytes(b"").to_hex()] {
        let fields = [("token", &*token), ("digest", &*digest), ("reason", "")];
        let reply = bob.post(&format!("/inbox/requests/{}/approve", shown.id), &fields).await;
        assert_eq!(reply.status, 409);
        assert!(reply.text().contains("not the one that was shown"), "{}", reply.text());
    }
    for digest in ["", "x", &shown.effect.to_hex().to_uppercase()[1..]] {
        let fields = [("token", &*token), ("digest", digest), ("reason", "")];
        let reply = bob.post(&format!("/inbox/requests/{}/approve", shown.id), &fields).await;
        assert_eq!(reply.status, 400, "{digest}");
    }
    for id in [&shown.id, &other.id] {
        assert_eq!(town.stored(id).await.state.kind(), StateKind::Pending);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_click_counts_once_and_both_clicks_hear_what_became_of_it() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let mut bob = town.signed_in("bob").await;
    let at = format!("/inbox/requests/{}", asked.id);
    let page = bob.get(&at).await;
    let fields =
        [("token", page.field("token").unwrap()), ("digest", page.field("digest").unwrap())];
    let clicks: Vec<_> = (0..6)
        .map(|_| {
            let (mut tab, at, fields) = (bob.clone(), at.clone(), fields.clone());
            tokio::spawn(async move {
                let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
                tab.post(&format!("{at}/approve"), &fields).await
            })
        })
        .collect();
    for click in clicks {
        let reply = click.await.unwrap();
        assert_eq!(reply.status, 303, "{}", reply.body);
        assert_eq!(reply.header("location"), Some(&*format!("{at}/decided")));
    }
    assert_eq!(town.stored(&asked.id).await.votes.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_runs_out_while_somebody_reads_it_is_not_decided() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let mut bob = town.signed_in("bob").await;
    let at = format!("/inbox/requests/{}", asked.id);
    let digest = asked.effect.to_hex();
    for _ in 0..5 {
        town.clock.advance_millis(24 * 60_000);
        assert_eq!(bob.get(&at).await.status, 200);
    }
    let token = bob.get("/inbox").await.field("token").unwrap();
    let fields = [("token", &*token), ("digest", &*digest), ("reason", "")];
    let reply = bob.post(&format!("{at}/approve"), &fields).await;
    assert_eq!(reply.status, 409);
    assert!(reply.text().contains("has expired"), "{}", reply.text());
    assert_eq!(town.stored(&asked.id).await.state.kind(), StateKind::Expired);
    let page = bob.get(&at).await;
    assert!(page.text().contains("ran out") && page.field("digest").is_none(), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_somebody_else_decided_meanwhile_is_told_as_it_stands() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let mut bob = town.signed_in("bob").await;
    let page = bob.get(&format!("/inbox/requests/{}", asked.id)).await;
    town.decide("carol", &asked, Verdict::Deny).await;
    let fields = [
        ("token", &*page.field("token").unwrap()),
        ("digest", &*page.field("digest").unwrap()),
        ("reason", ""),
    ];
    let reply = bob.post(&format!("/inbox/requests/{}/approve", asked.id), &fields).await;
    assert_eq!(reply.status, 409);
    assert!(reply.text().contains("is denied and can no longer be decided"), "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_decide_is_told_why_and_is_refused_all_the_same() {
    let town = Town::open().await;
    // Policy lets heads decide below 90000 alone.
    let large = town.asked(95_000).await;
    let mut bob = town.signed_in("bob").await;
    let page = bob.get(&format!("/inbox/requests/{}", large.id)).await;
    assert!(page.text().contains("it takes the permission money.pay.approve"), "{}", page.text());
    assert!(!page.body.contains("/approve\""), "{}", page.body);
    let digest = large.effect.to_hex();
    let token = page.field("token").unwrap();
    let fields = [("token", &*token), ("digest", &*digest), ("reason", "")];
    let reply = bob.post(&format!("/inbox/requests/{}/approve", large.id), &fields).await;
    assert_eq!(reply.status, 403);
    // Four eyes: amy is a head and a teller, and asks herself.
    let arguments = json!({"cents": 7, "memo": "rent", "iban": "DE1"});
    let reply = town.call("amy", "pay", arguments).await;
    let own = town.stored(&reply.approval_id().unwrap().parse().unwrap()).await;
    let mut amy = town.signed_in("amy").await;
    let page = amy.get(&format!("/inbox/requests/{}", own.id)).await;
    assert!(page.text().contains("You asked for this"), "{}", page.text());
    let token = amy.get("/inbox").await.field("token").unwrap();
    let digest = own.effect.to_hex();
    let fields = [("token", &*token), ("digest", &*digest), ("reason", "")];
    let reply = amy.post(&format!("/inbox/requests/{}/approve", own.id), &fields).await;
    assert_eq!(reply.status, 403);
    for id in [&large.id, &own.id] {
        assert!(town.stored(id).await.votes.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_taken_back_by_who_asked_and_by_nobody_else() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let at = format!("/inbox/requests/{}", asked.id);
    let digest = asked.effect.to_hex();
    let mut bob = town.signed_in("bob").await;
    let page = bob.get(&at).await;
    assert!(!page.body.contains("/withdraw"));
    let token = page.field("token").unwrap();
    let fields = [("token", &*token), ("digest", &*digest)];
    assert_eq!(bob.post(&format!("{at}/withdraw"), &fields).await.status, 404);
    assert_eq!(town.stored(&asked.id).await.state.kind(), StateKind::Pending);
    let mut alice = town.signed_in("alice").await;
    let page = alice.get(&at).await;
    assert!(page.body.contains("/withdraw"), "{}", page.body);
    let token = page.field("token").unwrap();
    let fields = [("token", &*token), ("digest", &*digest)];
    let reply = alice.post(&format!("{at}/withdraw"), &fields).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some(&*at)));
    assert_eq!(town.stored(&asked.id).await.state.kind(), StateKind::Withdrawn);
    assert!(alice.get(&at).await.text().contains("withdrawn"));
    assert!(town.record().await.contains("withdraw"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenants_request_is_like_one_that_never_was() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let none = crate::approval::ApprovalId::random();
    let mut dave = town.signed_in("dave").await;
    let token = dave.get("/inbox").await.field("token").unwrap();
    let digest = asked.effect.to_hex();
    for rest in ["", "/decided"] {
        let theirs = dave.get(&format!("/inbox/requests/{}{rest}", asked.id)).await;
        let nobodys = dave.get(&format!("/inbox/requests/{none}{rest}")).await;
        assert_eq!((theirs.status, &theirs.body), (404, &nobodys.body));
    }
    for act in ["approve", "deny", "withdraw", "reveal"] {
        let mut fields = vec![("token", &*token), ("digest", &*digest)];
        if matches!(act, "approve" | "deny") {
            fields.push(("reason", "x"));
        }
        let theirs = dave.post(&format!("/inbox/requests/{}/{act}", asked.id), &fields).await;
        let nobodys = dave.post(&format!("/inbox/requests/{none}/{act}"), &fields).await;
        let blank = |body: &str, id: &dyn std::fmt::Display| body.replace(&id.to_string(), "ID");
        assert_eq!(theirs.status, 404, "{act}");
        assert_eq!(blank(&theirs.body, &asked.id), blank(&nobodys.body, &none), "{act}");
    }
    assert!(!dave.get("/inbox").await.text().contains("alice"));
    assert!(!dave.get("/inbox/history").await.text().contains("alice"));
    assert_eq!(town.stored(&asked.id).await.state.kind(), StateKind::Pending);
    // Nor does somebody see it who could do nothing about it.
    let mut mallory = town.signed_in("mallory").await;
    assert_eq!(mallory.get(&format!("/inbox/requests/{}", asked.id)).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_that_nobody_waits_for_is_on_record_to_its_end() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let mut bob = town.signed_in("bob").await;
    let page = bob.get(&format!("/inbox/requests/{}", asked.id)).await;
    let body = form(&[
        ("token", &page.field("token").unwrap()),
        ("digest", &page.field("digest").unwrap()),
        ("reason", ""),
    ]);
    let head = format!(
        "POST /inbox/requests/{}/approve HTTP/1.1\r\nContent-Length: {}\r\n{}{}\r\n{body}",
        asked.id,
        body.len(),
        bob.form_headers(),
        bob.own_origin()
    );
    let until = async |what: &str| {
        for _ in 0..500 {
            if town.record().await.contains(what) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{what} never came: {}", town.record().await);
    };
    // Somebody holds the store, so that the vote waits for it.
    let file = town.file();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut stream = tokio::net::TcpStream::connect(town.addr).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    until("\"verdict\"").await;
    drop(stream);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    file.execute_batch("COMMIT").unwrap();
    until("\"decided\"").await;
    let record = town.record().await;
    assert_eq!(record.matches("\"event\":\"decision\"").count(), 2, "{record}");
    assert_eq!(town.stored(&asked.id).await.state.kind(), StateKind::Approved);
}
