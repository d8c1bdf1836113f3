//! Runs and switches in the inbox.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::forms::busy;
use super::kit::{Reply, Town};
use crate::store::RunState;

async fn run_state(town: &Town, id: &str) -> RunState {
    town.local.gate().store().run(&id.parse().unwrap()).await.unwrap().unwrap().state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubt_is_ended_by_another_person_with_a_reason() {
    let (town, _, _, lost) = busy().await;
    let at = format!("/inbox/runs/{lost}");
    let mut alice = town.signed_in("alice").await;
    let page = alice.get(&at).await;
    assert!(page.text().contains("Policy does not let you resolve"), "{}", page.text());
    let token = page.field("token").unwrap();
    let fields = [("token", &*token), ("found", "not_done"), ("reason", "trust me")];
    assert_eq!(alice.post(&format!("{at}/resolve"), &fields).await.status, 403);
    let mut bob = town.signed_in("bob").await;
    let page = bob.get(&at).await;
    assert!(page.text().contains("tool_failed"), "{}", page.text());
    assert!(!page.text().contains("the drawer is"), "the internal cause is for the record alone");
    let token = page.field("token").unwrap();
    for (found, reason, status) in [("not_done", "", 422), ("maybe", "x", 400), ("", "x", 400)] {
        let fields = [("token", &*token), ("found", found), ("reason", reason)];
        assert_eq!(bob.post(&format!("{at}/resolve"), &fields).await.status, status, "{found}");
    }
    assert_eq!(run_state(&town, &lost).await, RunState::InDoubt);
    let fields = [("token", &*token), ("found", "not_done"), ("reason", "the drawer is full")];
    let done = bob.post(&format!("{at}/resolve"), &fields).await;
    assert_eq!((done.status, done.header("location")), (303, Some(&*at)), "{}", done.body);
    assert_ne!(run_state(&town, &lost).await, RunState::InDoubt);
    let again = bob.post(&format!("{at}/resolve"), &fields).await;
    assert_eq!(again.status, 409);
    assert!(town.record().await.contains("the drawer is full"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_taken_back_once_after_a_page_that_asks() {
    let (town, _, pens, _) = busy().await;
    let at = format!("/inbox/runs/{pens}");
    let before = town.ledger.0.load(Ordering::SeqCst);
    let mut alice = town.signed_in("alice").await;
    assert!(!alice.get(&at).await.body.contains("/rollback"), "policy does not let her");
    assert_eq!(alice.get(&format!("{at}/rollback")).await.header("location"), Some(&*at));
    let token = alice.get(&at).await.field("token").unwrap();
    let fields = [("token", &*token), ("reason", "x")];
    assert_eq!(alice.post(&format!("{at}/rollback"), &fields).await.status, 403);
    let mut bob = town.signed_in("bob").await;
    assert!(bob.get("/inbox/runs").await.text().contains("can be taken back"));
    assert!(bob.get(&at).await.body.contains(&format!("href=\"{at}/rollback\"")));
    let page = bob.get(&format!("{at}/rollback")).await;
    let token = page.field("token").unwrap();
    let none = bob.post(&format!("{at}/rollback"), &[("token", &token), ("reason", "")]).await;
    assert_eq!((none.status, town.ledger.0.load(Ordering::SeqCst)), (422, before));
    let fields = [("token", &*token), ("reason", "too many pens")];
    let done = bob.post(&format!("{at}/rollback"), &fields).await;
    assert_eq!((done.status, done.header("location")), (303, Some(&*at)), "{}", done.body);
    assert_eq!(town.ledger.0.load(Ordering::SeqCst), before - 3);
    assert!(
        bob.get(&at).await.text().contains("Taken backby run_"),
        "{}",
        bob.get(&at).await.text()
    );
    let again = bob.post(&format!("{at}/rollback"), &fields).await;
    assert_eq!(again.status, 409);
    assert!(again.text().contains("has been"), "{}", again.text());
    assert_eq!(town.ledger.0.load(Ordering::SeqCst), before - 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_shown_to_who_made_them_or_could_do_something_about_them() {
    let (town, _, pens, lost) = busy().await;
    for name in ["mallory", "dave", "gus"] {
        let mut browser = town.signed_in(name).await;
        for run in [&pens, &lost] {
            for rest in ["", "/rollback"] {
                assert_eq!(
                    browser.get(&format!("/inbox/runs/{run}{rest}")).await.status,
                    404,
                    "{name}"
                );
            }
            let token = browser.get("/inbox").await.field("token").unwrap();
            let fields = [("token", &*token), ("reason", "x")];
            let reply = browser.post(&format!("/inbox/runs/{run}/rollback"), &fields).await;
            assert_eq!(reply.status, 404, "{name}");
            let fields = [("token", &*token), ("reason", "x"), ("found", "done")];
            let reply = browser.post(&format!("/inbox/runs/{run}/resolve"), &fields).await;
            assert_eq!(reply.status, 404, "{name}");
        }
        assert!(browser.get("/inbox/runs").await.text().contains("There is no such run."));
    }
    let mut alice = town.signed_in("alice").await;
    let list = alice.get("/inbox/runs?state=in_doubt").await;
    assert!(list.text().contains("lose_pens") && !list.body.contains(&pens), "{}", list.text());
    assert_eq!(alice.get("/inbox/runs?state=nonsense").await.status, 400);
    // What it was given and returned is nobody's business here.
    assert!(!alice.get(&format!("/inbox/runs/{pens}")).await.body.contains("ordered"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switching_is_offered_as_far_as_policy_lets_and_held_to_it() {
    let (town, ..) = busy().await;
    for name in ["bob", "alice"] {
        let mut browser = town.signed_in(name).await;
        assert!(!browser.get("/inbox").await.body.contains("/inbox/switches"), "{name}");
        assert_eq!(browser.get("/inbox/switches").await.status, 404, "{name}");
        let token = browser.get("/inbox").await.field("token").unwrap();
        let fields =
            [("token", &*token), ("to", "on"), ("scope", "tool:close_bank"), ("reason", "x")];
        assert_eq!(browser.post("/inbox/switches", &fields).await.status, 403, "{name}");
    }
    let mut gus = town.signed_in("gus").await;
    let page = gus.get("/inbox/switches").await;
    let text = page.text();
    assert!(text.contains("a drill") && text.contains("close_bank"), "{text}");
    assert!(!text.contains("everything, for everybody") && !text.contains("every tool, for acme"));
    let token = page.field("token").unwrap();
    for (to, scope, reason, status) in [
        ("off", "everything", "x", 403),
        ("off", "tenant:acme", "x", 403),
        ("off", "tool:pay", "", 422),
        ("off", "tool:pai", "x", 422),
        ("off", "nonsense", "x", 400),
        ("maybe", "tool:pay", "x", 400),
        ("off", "tool:pay", "counted twice", 303),
        ("on", "tool:close_bank", "the drill is over", 303),
    ] {
        let fields = [("token", &*token), ("to", to), ("scope", scope), ("reason", reason)];
        let reply = gus.post("/inbox/switches", &fields).await;
        assert_eq!(reply.status, status, "{to} {scope}: {}", reply.body);
    }
    let text = gus.get("/inbox/switches").await.text();
    assert!(text.contains("counted twice") && !text.contains("a drill"), "{text}");
    let refused =
        town.call("alice", "pay", serde_json::json!({"cents": 9, "memo": "m", "iban": "i"})).await;
    assert_eq!(refused.code(), Some("switched_off"));
}

/// The ids of the runs on a page, and the address of the next.
fn listed(page: &Reply) -> (Vec<String>, Option<String>) {
    let ids = page.body.split("<h2><a href=\"/inbox/runs/").skip(1);
    let ids = ids.map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    let next = page.body.split_once("<nav class=\"more\"").map(|(_, next)| {
        let (_, next) = next.split_once("href=\"").unwrap();
        next.split('"').next().unwrap().replace("&amp;", "&")
    });
    (ids, next)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_go_on_page_after_page_and_miss_nothing() {
    let town = Town::open().await;
    for n in 0..120 {
        // Three callers, two of whom share the list that a head sees.
        let name = ["alice", "amy", "dave"][n % 3];
        let reply = town.call(name, "order_pens", json!({"count": n})).await;
        assert!(reply.ok, "{reply:?}");
        town.clock.advance_millis(i64::from(n % 7 == 0) * 700);
    }
    for (name, most) in [("bob", 80), ("alice", 40)] {
        let mut browser = town.signed_in(name).await;
        let (mut seen, mut next, mut pages) =
            (Vec::new(), Some("/inbox/runs?state=done".to_owned()), 0);
        while let Some(path) = next {
            let page = browser.get(&path).await;
            assert_eq!(page.status, 200, "{path}");
            let (ids, after) = listed(&page);
            assert!(ids.len() <= 50 && path.contains("state=done"), "{path}");
            assert_eq!(page.text().contains("Back to the first page"), pages > 0);
            (next, pages) = (after, pages + 1);
            seen.extend(ids);
        }
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((seen.len(), all), (most, most), "{name}: each once");
        assert_eq!(pages, most.div_ceil(50), "{name}: full pages, whatever else there is");
    }
    let mut bob = town.signed_in("bob").await;
    for odd in ["x", "1", "1.x", "x.run_1", "1.apr_00000000000000000000000000000000"] {
        assert_eq!(bob.get(&format!("/inbox/runs?after={odd}")).await.status, 400, "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_can_not_be_read_is_shown_as_such_and_hides_no_other() {
    let (town, _, pens, lost) = busy().await;
    let spoilt = format!("UPDATE runs SET run = '{{\"<script>' WHERE run_id = '{lost}'");
    assert_eq!(town.file().execute(&spoilt, []), Ok(1));
    let mut bob = town.signed_in("bob").await;
    let page = bob.get("/inbox/runs").await;
    let text = page.text();
    assert!(page.status == 200 && page.body.contains(&format!("/inbox/runs/{pens}")), "{text}");
    assert!(text.contains("can not be read") && text.contains(&lost), "{text}");
    assert!(text.contains("in doubt") && text.contains("lose_pens"), "{text}");
    assert!(!page.body.contains(&format!("/inbox/runs/{lost}")), "there is no page of it");
    assert!(!page.body.contains("script>'") && !text.contains("column"), "{text}");
    // Whose call it was nobody can tell, so it is for those who could resolve it.
    for name in ["alice", "mallory", "gus", "dave"] {
        let page = town.signed_in(name).await.get("/inbox/runs").await;
        assert!(page.status == 200 && !page.body.contains(&lost), "{name}");
    }
}
