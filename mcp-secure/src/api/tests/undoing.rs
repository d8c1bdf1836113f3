use serde_json::{Value, json};

use super::kit::Town;

/// A payment that was approved and made; its run.
async fn paid(town: &Town, cents: u32) -> Value {
    let approval = town.asked(cents).await;
    town.vote(&town.token("bob"), &approval, "approve").await.ok();
    let arguments = json!({"cents": cents, "memo": "rent", "iban": "DE89 3704"});
    assert!(town.call("alice", "pay", arguments).await.ok);
    let runs = town.get(&town.token("bob"), "runs?state=done&tool=pay&limit=1").await.ok();
    runs["runs"][0].clone()
}

#[tokio::test]
async fn a_run_is_taken_back_once_with_its_own_permission() {
    let town = Town::open().await;
    let run = paid(&town, 100).await;
    assert_eq!((town.money(), &run["state"]), (100, &json!("done")));
    assert!(!run.to_string().contains("DE89"), "{run}");
    let id = run["id"].as_str().unwrap();
    let shown = town.get(&town.token("bob"), &format!("runs/{id}")).await.ok();
    assert_eq!(shown, run);
    let path = format!("runs/{id}/rollback");
    // Another tenant's and a stranger's run is none.
    for name in ["dave", "mallory"] {
        let token = town.token(name);
        assert_eq!(town.get(&token, &format!("runs/{id}")).await.refused(), (404, "not_found"));
        assert_eq!(town.post(&token, &path, &json!({})).await.refused(), (404, "not_found"));
    }
    let bob = town.token("bob");
    let made = town.post(&bob, &path, &json!({"reason": "paid twice"})).await.ok();
    assert_eq!((&made["run"], &made["rolled_back"]), (&json!(id), &json!(true)));
    assert_eq!(town.money(), 0);
    let again = town.post(&bob, &path, &json!({})).await;
    assert_eq!(again.refused(), (409, "not_rolled_back"));
    assert_eq!(again.body["executed"], false);
    assert_eq!(town.money(), 0);
}

#[tokio::test]
async fn a_doubt_is_ended_by_another_person_who_says_why() {
    let town = Town::open().await;
    let approval = town.asked_for("vanish", json!({"cents": 5})).await;
    town.vote(&town.token("bob"), &approval, "approve").await.ok();
    assert!(!town.call("alice", "vanish", json!({"cents": 5})).await.ok);
    let runs = town.get(&town.token("bob"), "runs?state=in_doubt").await.ok();
    let id = runs["runs"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("runs/{id}/resolution");
    let bob = town.token("bob");
    for (body, refused) in [
        (json!({"found": "done"}), (400, "bad_request")),
        (json!({"found": "done", "reason": " "}), (400, "bad_request")),
        (json!({"found": "perhaps", "reason": "x"}), (400, "bad_request")),
    ] {
        assert_eq!(town.post(&bob, &path, &body).await.refused(), refused, "{body}");
    }
    let found = json!({"found": "not_done", "reason": "looked at the account"});
    let own = town.post(&town.token("alice"), &path, &found).await;
    assert_eq!(own.refused(), (403, "own_request"));
    let resolved = town.post(&bob, &path, &found).await.ok();
    assert_eq!(resolved["state"], "no_effect");
    let again = town.post(&bob, &path, &found).await;
    assert_eq!(again.refused(), (409, "not_in_doubt"));
}

#[tokio::test]
async fn a_switch_takes_its_permission() {
    let town = Town::open().await;
    let (bob, mallory) = (town.token("bob"), town.token("mallory"));
    let off = json!({"scope": "tool:pay", "off": true, "reason": "fraud"});
    assert_eq!(town.post(&mallory, "switches", &off).await.refused(), (403, "permission_denied"));
    assert_eq!(town.get(&mallory, "switches").await.refused(), (403, "permission_denied"));
    for body in [
        json!({"scope": "tools:pay", "off": true}),
        json!({"scope": "tool:pay"}),
        json!({"scope": "tool:pay", "off": "true"}),
    ] {
        assert_eq!(
            town.post(&bob, "switches", &body).await.refused(),
            (400, "bad_request"),
            "{body}"
        );
    }
    let unknown = town.post(&bob, "switches", &json!({"scope": "tool:pya", "off": true})).await;
    assert_eq!(unknown.refused(), (404, "unknown_tool"));
    let done = town.post(&bob, "switches", &off).await.ok();
    assert_eq!(done, json!({"scope": "tool:pay", "off": true, "changed": true}));
    assert_eq!(town.post(&bob, "switches", &off).await.ok()["changed"], false);
    let listed = town.get(&bob, "switches").await.ok();
    assert_eq!(
        (&listed["switches"][0]["scope"], &listed["switches"][0]["reason"]),
        (&json!("tool:pay"), &json!("fraud"))
    );
    let arguments = json!({"cents": 1, "memo": "rent", "iban": "x"});
    assert_eq!(town.call("alice", "pay", arguments.clone()).await.code(), Some("switched_off"));
    let on = json!({"scope": "tool:pay", "off": false});
    assert_eq!(town.post(&bob, "switches", &on).await.ok()["changed"], true);
    assert_eq!(town.call("alice", "pay", arguments).await.code(), Some("approval_required"));
}

#[tokio::test]
async fn the_list_of_runs_goes_on_from_its_cursor_and_each_comes_once() {
    let town = Town::open().await;
    let mut made = Vec::new();
    for cents in 1..6 {
        made.push(paid(&town, cents).await["id"].clone());
    }
    made.reverse();
    let bob = town.token("bob");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = town.get(&bob, &format!("runs?limit=2&tool=pay{cursor}")).await.ok();
        let runs = page["runs"].as_array().unwrap();
        assert!(runs.len() <= 2 && page["unreadable"] == json!([]), "{page}");
        seen.extend(runs.iter().map(|run| run["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, made);
    // A cursor gives no right to what it leads to.
    let page = town.get(&bob, "runs?limit=1").await.ok();
    let next = page["next"].as_str().unwrap();
    for name in ["dave", "mallory"] {
        let page = town.get(&town.token(name), &format!("runs?cursor={next}")).await.ok();
        assert_eq!(page["runs"], json!([]), "{name}");
    }
    // One of another list is none.
    let requests = town.get(&bob, "requests?limit=1").await.ok();
    let other = requests["next"].as_str().unwrap();
    let refused = town.get(&bob, &format!("runs?cursor={other}")).await;
    assert_eq!(refused.refused(), (400, "bad_request"));
}
