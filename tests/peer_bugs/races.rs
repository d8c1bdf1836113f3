//! Calls that are given up, dropped or broken off between two stages.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mcp_secure::approval::Verdict;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::app::{Fixture, payment};

#[tokio::test]
async fn a_call_that_was_given_up_before_it_was_committed_does_not_run_and_keeps_its_approval() {
    let bank = Fixture::new().await;
    let id = bank.asked().await;
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    let given_up = CancellationToken::new();
    given_up.cancel();
    let answer = bank.client("alice").call_with("pay", payment(), given_up).await;
    assert_eq!(answer.code(), Some("cancelled"), "{answer:#?}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(bank.effects.all().is_empty());
    assert!(bank.call("alice", "pay", payment()).await.ok, "the approval is still there");
    assert_eq!(bank.effects.all().len(), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_cannot_drop_a_body_that_writes() {
    let bank = Fixture::new().await;
    let client = bank.client("alice");
    let call =
        tokio::spawn(async move { client.call("misbehave", json!({"how": "too_slow"})).await });
    until(|| bank.effects.all() == ["TooSlow"]).await;
    call.abort();
    assert!(call.await.is_err_and(|end| end.is_cancelled()));
    bank.server.clone().close().await.unwrap();
    assert_eq!(bank.effects.all(), ["TooSlow", "ended late"]);
    let records = crate::app::records_in(&bank.server.data_dir().join("audit"));
    assert_eq!(records.iter().filter(|r| r["event"] == "outcome").count(), 1);
}

#[tokio::test]
async fn a_read_whose_client_goes_away_is_on_record_and_gives_its_place_back() {
    let bank = Fixture::new().await;
    for round in 1..=3 {
        let client = bank.client("rita");
        let call = tokio::spawn(async move { client.call("stare", json!({})).await });
        until(|| bank.weather.reads.load(Ordering::Relaxed) == round).await;
        let second = bank.client("rita").call("stare", json!({})).await;
        assert_eq!(second.code(), Some("rate_limited"), "there is one place");
        call.abort();
        assert!(call.await.is_err_and(|end| end.is_cancelled()));
    }
    let records = bank.records().await;
    let told: Vec<_> = records.iter().filter(|r| r["outcome"]["code"] == "abandoned").collect();
    assert_eq!(told.len(), 3, "{records:#?}");
    assert!(told.iter().all(|r| r["tool"] == "stare" && r["principal"]["subject"] == "rita"));
    assert!(told.iter().all(|r| r["outcome"]["executed"] == "unknown"), "{told:#?}");
}

/// Waits for something that happens by itself.
async fn until(happened: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("it never happened");
}
