//! What is switched off is off, for everybody it is meant for, in every process, until somebody may switch it on.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mcp_secure::prelude::*;
use mcp_secure::store::SwitchScope;
use mcp_secure::testing::LocalServer;
use serde_json::json;

use crate::app::{Fixture, POLICIES, empty, payment, tools};

fn policies() -> Policies {
    let switch = r#"permit (principal in Role::"lead", action in Action::"server.switch", resource)
        when { context.args.scope != "tenant" || context.args.name == principal.tenant };"#;
    Policies::from_str("bank", format!("{POLICIES}\n{switch}"))
}

async fn bank() -> Fixture {
    Fixture::built(|builder| builder.tools(tools()).policies(policies())).await.unwrap()
}

fn scope(text: &str) -> SwitchScope {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_tool_that_is_off_runs_for_nobody_and_is_not_offered() {
    let bank = bank().await;
    let note = json!({"account": "acc_1", "text": "a"});
    assert!(bank.call("alice", "write_note", note.clone()).await.ok);
    assert!(
        bank.server
            .switch("bob", scope("tool:write_note"), true, Some("it misbehaves"))
            .await
            .unwrap()
    );
    let refused = bank.call("alice", "write_note", note.clone()).await;
    assert_eq!(
        (refused.code(), &refused.structured["executed"]),
        (Some("switched_off"), &json!(false))
    );
    assert!(!bank.client("alice").tools().contains(&"write_note"));
    assert!(bank.call("alice", "read_account", json!({"account": "acc_1"})).await.ok);
    assert_eq!(
        bank.call("rita", "write_note", note.clone()).await.code(),
        Some("unknown"),
        "who may not, learns nothing"
    );
    assert!(
        !bank.server.switch("bob", scope("tool:write_note"), true, None).await.unwrap(),
        "it is off already"
    );
    assert!(bank.server.switch("carol", scope("tool:write_note"), false, None).await.unwrap());
    assert!(bank.call("alice", "write_note", note).await.ok);
    assert_eq!(bank.effects.all().len(), 2);
    let said: Vec<_> =
        bank.records().await.into_iter().filter(|r| r["event"] == "switch").collect();
    assert_eq!(said.len(), 6, "begun and done of each: {said:#?}");
    assert_eq!(said[1]["detail"]["reason"], "it misbehaves");
    assert_eq!(said[1]["principal"]["subject"], "bob");
}

#[tokio::test]
async fn a_tenant_that_is_off_takes_no_other_with_it_and_everything_takes_all() {
    let bank = bank().await;
    let read = |account: &str| json!({"account": account});
    bank.server.switch("bob", scope("tenant:acme"), true, None).await.unwrap();
    assert_eq!(
        bank.call("alice", "read_account", read("acc_1")).await.code(),
        Some("switched_off")
    );
    assert!(bank.call("dave", "read_account", read("acc_1001")).await.ok);
    bank.server.switch("dave", scope("everything"), true, None).await.unwrap();
    assert_eq!(
        bank.call("dave", "read_account", read("acc_1001")).await.code(),
        Some("switched_off")
    );
    assert!(bank.client("dave").tools().is_empty());
}

#[tokio::test]
async fn switching_needs_its_own_permission_and_policies_see_what_is_switched() {
    let bank = bank().await;
    for (who, what) in [("alice", "tool:pay"), ("mallory", "everything"), ("bob", "tenant:globex")]
    {
        let refused = bank.server.switch(who, scope(what), true, None).await.unwrap_err();
        assert!(refused.contains("server.switch"), "{who} {what}: {refused}");
    }
    let unknown = bank.server.switch("bob", scope("tool:nothing"), true, None).await.unwrap_err();
    assert!(unknown.contains("no tool"), "{unknown}");
    assert_eq!(bank.call("alice", "pay", payment()).await.code(), Some("approval_required"));
}

#[tokio::test]
async fn every_process_of_the_store_hears_of_it_within_a_second_and_after_a_restart() {
    let bank = bank().await;
    let builder = || empty(&bank.effects, &bank.weather).tools(tools()).policies(policies());
    let other = LocalServer::open(builder(), bank.folder.path()).await.unwrap();
    let client = other.connect("alice").unwrap();
    let read = json!({"account": "acc_1"});
    assert!(client.call("read_account", read.clone()).await.ok);
    bank.server.switch("bob", scope("everything"), true, None).await.unwrap();
    let since = Instant::now();
    while client.call("read_account", read.clone()).await.ok {
        assert!(since.elapsed() < Duration::from_secs(1), "not within a second");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let later = LocalServer::open(builder(), bank.folder.path()).await.unwrap();
    let refused = later.connect("alice").unwrap().call("read_account", read).await;
    assert_eq!(refused.code(), Some("switched_off"), "a restart switches nothing on");
}

#[tokio::test]
async fn what_can_not_be_read_counts_as_off() {
    let bank = bank().await;
    let read = json!({"account": "acc_1"});
    assert!(bank.call("alice", "read_account", read.clone()).await.ok);
    let store =
        rusqlite::Connection::open(bank.folder.path().join("data/mcp-secure.sqlite")).unwrap();
    store.execute_batch("DROP TABLE switches").unwrap();
    let since = Instant::now();
    loop {
        let reply = bank.call("alice", "read_account", read.clone()).await;
        if reply.code() == Some("switched_off") {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "{reply:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seen = bank.weather.reads.load(Ordering::Relaxed);
    assert_eq!(bank.call("alice", "read_account", read).await.code(), Some("switched_off"));
    assert_eq!(bank.weather.reads.load(Ordering::Relaxed), seen);
}
