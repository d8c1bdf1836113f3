use serde_json::{Value, json};

use super::kit::Town;

#[tokio::test]
async fn a_request_shows_what_there_is_to_decide_on_and_no_secret() {
    let town = Town::open().await;
    let approval = town.asked(12_000).await;
    let shown = town.get(&town.token("bob"), &format!("requests/{}", approval.id)).await.ok();
    assert_eq!(shown["digest"], json!(approval.effect));
    assert_eq!(
        (&shown["state"], &shown["tool"], &shown["risk"]),
        (&json!("pending"), &json!("pay"), &json!("high"))
    );
    assert_eq!(shown["arguments"], json!({"cents": 12_000, "memo": "rent", "iban": "[masked]"}));
    assert_eq!(
        (&shown["requester"]["subject"], &shown["by"]),
        (&json!("alice"), &json!("money.pay.approve"))
    );
    assert_eq!(
        (&shown["quorum"], &shown["approvals"], &shown["votes"]),
        (&json!(1), &json!(0), &json!([]))
    );
    assert!(shown["expires_at"].as_str().unwrap().ends_with('Z'));
    assert!(!shown.to_string().contains("DE89"), "{shown}");
}

#[tokio::test]
async fn lists_are_pages_that_end() {
    let town = Town::open().await;
    for cents in 0..7 {
        town.asked(100 + cents).await;
        town.clock.advance_millis(if cents % 2 == 0 { 0 } else { 1000 });
    }
    let bob = town.token("bob");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..10 {
        let page = town.get(&bob, &format!("requests?limit=3{cursor}")).await.ok();
        let items = page["requests"].as_array().unwrap();
        assert!(items.len() <= 3);
        seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let mut each = seen.clone();
    each.sort();
    each.dedup();
    assert_eq!((seen.len(), each.len()), (7, 7), "{seen:?}");
}

#[tokio::test]
async fn a_list_holds_what_is_asked_for() {
    let town = Town::open().await;
    let paid = town.asked(100).await;
    let closing = town.asked_for("close_bank", json!({"day": 3})).await;
    town.vote(&town.token("bob"), &paid, "approve").await.ok();
    let bob = town.token("bob");
    let ids = |query: &str| {
        let (town, bob, query) = (&town, &bob, format!("requests?{query}"));
        async move {
            let page = town.get(bob, &query).await.ok();
            let items = page["requests"].as_array().unwrap();
            items.iter().map(|item| item["id"].clone()).collect::<Vec<Value>>()
        }
    };
    assert_eq!(ids("state=approved").await, [json!(paid.id)]);
    assert_eq!(ids("state=pending").await, [json!(closing.id)]);
    assert_eq!(ids("tool=close_bank").await, [json!(closing.id)]);
    assert_eq!(ids("text=close%5Fbank").await, [json!(closing.id)]);
    assert_eq!(ids("text=+ALICE+").await.len(), 2);
    assert_eq!(ids("text=nothing").await.len(), 0);
}

#[tokio::test]
async fn another_tenants_request_is_like_one_that_is_not_there() {
    let town = Town::open().await;
    let approval = town.asked(100).await;
    let dave = town.token("dave");
    let there = town.get(&dave, &format!("requests/{}", approval.id)).await;
    let nowhere =
        town.get(&dave, &format!("requests/{}", crate::approval::ApprovalId::random())).await;
    assert_eq!((there.status, &there.body), (404, &nowhere.body));
    let vote = town.vote(&dave, &approval, "approve").await;
    assert_eq!((vote.status, &vote.body), (404, &nowhere.body));
    let withdrawn =
        town.post(&dave, &format!("requests/{}/withdraw", approval.id), &json!({})).await;
    assert_eq!((withdrawn.status, &withdrawn.body), (404, &nowhere.body));
    assert_eq!(town.get(&dave, "requests").await.ok(), json!({"requests": [], "next": null}));
    // In the same tenant, who could not decide does not see it either.
    let mallory = town.get(&town.token("mallory"), &format!("requests/{}", approval.id)).await;
    assert_eq!((mallory.status, &mallory.body), (404, &nowhere.body));
}
