use serde_json::json;

use super::kit::Town;

#[tokio::test]
async fn b28_without_a_store_nothing_is_decided_and_nobody_is_told_why() {
    let town = Town::open().await;
    let approval = town.asked(100).await;
    let bob = town.token("bob");
    // The table is gone, as on a broken disk.
    let file = town.local.data_dir().join("mcp-secure.sqlite");
    let store = rusqlite::Connection::open(file).unwrap();
    store.execute_batch("ALTER TABLE approvals RENAME TO hidden").unwrap();
    let path = format!("requests/{}", approval.id);
    for reply in [
        town.get(&bob, "requests").await,
        town.get(&bob, &path).await,
        town.vote(&bob, &approval, "approve").await,
        town.post(&bob, &format!("{path}/withdraw"), &json!({})).await,
        town.post(&bob, "void", &json!({"reason": "x"})).await,
    ] {
        assert_eq!(reply.refused(), (503, "unavailable"), "{reply:?}");
        assert!(reply.head.contains("retry-after: 5"), "{}", reply.head);
        assert!(
            !reply.body.to_string().contains("hidden") && !reply.body.to_string().contains("table")
        );
    }
    store.execute_batch("ALTER TABLE hidden RENAME TO approvals").unwrap();
    let shown = town.get(&bob, &path).await.ok();
    assert_eq!((&shown["state"], &shown["votes"]), (&json!("pending"), &json!([])));
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_a_decision_whole() {
    use tokio::io::AsyncWriteExt as _;
    let town = Town::open().await;
    let approval = town.asked(100).await;
    let body = json!({"digest": approval.effect, "verdict": "approve"}).to_string();
    let request = format!(
        "POST /approvals/v1/requests/{}/decision HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: \
         application/json\r\ncontent-length: {}\r\n\r\n{body}",
        approval.id,
        town.addr,
        town.token("bob"),
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(town.addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    drop(stream);
    let bob = town.token("bob");
    for _ in 0..100 {
        let shown = town.get(&bob, &format!("requests/{}", approval.id)).await.ok();
        if shown["state"] == "approved" {
            let record = town.record().await;
            assert!(record.contains("\"decided\""), "it counts and its end is not on record");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the decision got lost");
}
