//! What is on record of people that are asked, wherever it breaks off.

use super::answers::approves;
use super::*;

#[tokio::test]
async fn that_people_are_to_be_asked_is_on_record_before_there_is_a_request() {
    let town = Town::open().await;
    let folder = town.record();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let found = Arc::clone(&seen);
    // Whoever dies from here on leaves what the disk holds now.
    let look = async move { *found.lock().unwrap() = records_in(&folder) };
    town.store.plan("request_approval", Plan::before(look));
    let id = town.asked().await;
    let asked = town.store.approval(&id).await.unwrap().unwrap();
    let seen = seen.lock().unwrap();
    let attempt = seen.iter().rfind(|record| record["event"] == "approval");
    let attempt = attempt.unwrap_or_else(|| panic!("nothing of it: {seen:#?}"));
    assert_eq!(attempt["detail"]["asks_for"], json!(asked.effect), "{attempt:#}");
    assert_eq!(attempt["principal"]["subject"], "alice", "{attempt:#}");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_no_request_without_its_record() {
    let town = Town::open().await;
    let go_on = Arc::new(Notify::new());
    let (made, wait) = (Arc::new(Notify::new()), Arc::clone(&go_on));
    let created = Arc::clone(&made);
    let after = async move {
        created.notify_one();
        wait.notified().await;
    };
    town.store.plan("request_approval", Plan::after(after));
    let alice = town.alice();
    let calling = tokio::spawn(async move { alice.call("pay", json!({"cents": 100})).await });
    made.notified().await;
    calling.abort();
    assert!(calling.await.unwrap_err().is_cancelled());
    go_on.notify_one();
    let asked = town.local.approvals("alice").await.unwrap().remove(0);
    until("on record", async || {
        let records = town.records().await;
        records.iter().any(|record| {
            record["event"] == "approval" && record["approval"]["id"] == asked.id.to_string()
        })
    })
    .await;
    assert_eq!(town.kind(&asked.id).await, StateKind::Pending);
}

#[tokio::test]
async fn a_request_that_could_not_be_recorded_does_not_stand_though_somebody_approved_it() {
    let town = Town::open().await;
    let (store, folder) = (Arc::clone(&town.store.store), town.record());
    let after = async move {
        let all = crate::store::ApprovalFilter::default();
        let asked = store.approvals(all, 1).await.unwrap().remove(0);
        approves(store, asked).await;
        std::fs::remove_dir_all(folder).unwrap();
    };
    town.store.plan("request_approval", Plan::after(after));
    let reply = town.alice().call("pay", json!({"cents": 100})).await;
    assert_eq!(reply.code(), Some("audit_unavailable"), "{reply:#?}");
    let asked = town.local.approvals("alice").await.unwrap().remove(0);
    assert_eq!(town.kind(&asked.id).await, StateKind::Void);
    assert_eq!(town.done(), 0);
}
