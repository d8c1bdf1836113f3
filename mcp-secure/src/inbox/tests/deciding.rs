use std::sync::atomic::Ordering;

use serde_json::json;

use super::kit::Town;
use crate::approval::StateKind;

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
