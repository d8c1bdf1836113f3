//! A record or a store that fails under the pipeline, at each step that needs it.

use std::path::PathBuf;
use std::time::Duration;

use mcp_secure::approval::{StateKind, Verdict};
use mcp_secure::prelude::*;
use mcp_secure::testing::LocalReply;
use serde_json::{Value, json};

use crate::app::{Fixture, Mischief, Weather, payment};

fn note() -> Value {
    json!({"account": "acc_1", "text": "a note"})
}

/// Takes the folder of the record away, which fails every write from now on, root's too.
fn lose_the_record(bank: &Fixture) -> (PathBuf, PathBuf) {
    let folder = bank.server.data_dir().join("audit");
    let aside = bank.folder.path().join("aside");
    std::fs::create_dir_all(&aside).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        std::fs::copy(&file, aside.join(file.file_name().unwrap())).unwrap();
    }
    std::fs::remove_dir_all(&folder).unwrap();
    (folder, aside)
}

fn refused(reply: &LocalReply, executed: &Value) {
    assert_eq!(reply.code(), Some("audit_unavailable"), "{reply:#?}");
    assert_eq!(&reply.structured["executed"], executed, "{reply:#?}");
}

#[tokio::test]
async fn nothing_is_done_asked_decided_or_shown_while_the_record_cannot_be_written() {
    let bank = Fixture::new().await;
    let id = bank.asked().await;
    let other = json!({"account": "acc_2", "amount": 2});
    let asked = bank.call("alice", "pay", other.clone()).await;
    let approved = asked.approval_id().unwrap();
    bank.server.decide("bob", approved, Verdict::Approve).await.unwrap();
    bank.server.audit_dir().await;

    let (folder, _) = lose_the_record(&bank);
    refused(&bank.call("alice", "write_note", note()).await, &json!(false));
    refused(&bank.call("alice", "pay", other.clone()).await, &json!(false));
    refused(
        &bank.call("alice", "pay", json!({"account": "acc_3", "amount": 3})).await,
        &json!(false),
    );
    let read = bank.call("rita", "read_account", json!({"account": "acc_1"})).await;
    refused(&read, &json!(true));
    assert!(!read.structured.to_string().contains("stands well"), "{read:#?}");
    assert!(bank.server.decide("bob", &id, Verdict::Approve).await.is_err());
    assert!(bank.effects.all().is_empty());
    let states: Vec<_> = bank
        .server
        .approvals("bob")
        .await
        .unwrap()
        .into_iter()
        .map(|approval| approval.state.kind())
        .collect();
    assert_eq!(states, [StateKind::Approved, StateKind::Pending], "newest first, none added");

    // The disk is back: what was approved runs once, and what happened meanwhile is told.
    std::fs::create_dir_all(&folder).unwrap();
    let mut paid = bank.call("alice", "pay", other.clone()).await;
    for _ in 0..200 {
        if paid.ok {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        paid = bank.call("alice", "pay", other.clone()).await;
    }
    assert!(paid.ok, "{paid:#?}");
    assert_eq!(bank.effects.all().len(), 1);
    let records = bank.records().await;
    assert!(records.iter().any(|r| r["event"] == "audit_recovered"), "{records:#?}");
}

/// Looks at an account and comes to grief.
#[tool(risk = "low", permission = "account.read", read_only, timeout = "200ms")]
async fn look_badly(_weather: &Weather, how: Mischief) -> Result<Content, ToolError> {
    match how {
        Mischief::Panic => panic!("hunter2 in a panic"),
        Mischief::Internal => Err(ToolError::internal("hunter2 at /var/lib/bank.db")),
        Mischief::Vouched => Err(ToolError::public("no such page").no_effect()),
        Mischief::TooSlow => {
            std::future::pending::<()>().await;
            Ok(Content::default())
        }
        Mischief::TooLarge => Ok(Content::text("seen")),
    }
}

#[tokio::test]
async fn a_read_whose_record_cannot_be_written_says_of_itself_what_is_true() {
    let policies = r#"permit (principal in Role::"clerk", action, resource);"#;
    let tools = tools![look_badly, crate::app::write_note];
    let built = Fixture::built(|builder| {
        builder.tools(tools).policies(Policies::from_str("bank", policies))
    });
    let bank = built.await.unwrap();
    lose_the_record(&bank);
    // The first write that fails says so to all that follow.
    refused(&bank.call("alice", "write_note", note()).await, &json!(false));
    for (how, executed) in [
        ("vouched", json!(false)),
        ("internal", json!("unknown")),
        ("panic", json!("unknown")),
        ("too_slow", json!("unknown")),
        ("too_large", json!(true)),
    ] {
        let answer = bank.call("alice", "look_badly", json!({"how": how})).await;
        refused(&answer, &executed);
        let said = answer.structured.to_string();
        assert!(!said.contains("no such page") && !said.contains("seen"), "{answer:#?}");
    }
}

#[tokio::test]
async fn an_effect_whose_outcome_cannot_be_recorded_is_told_as_such_and_recorded_later() {
    let bank = Fixture::new().await;
    let client = bank.client("alice");
    let call = tokio::spawn(async move { client.call("outlast", json!({})).await });
    while bank.effects.all().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (folder, _) = lose_the_record(&bank);
    bank.weather.calm.store(true, std::sync::atomic::Ordering::Relaxed);
    let answer = call.await.unwrap();
    assert_eq!(answer.code(), Some("executed_unrecorded"), "{answer:#?}");
    assert_eq!(answer.structured["executed"], json!(true));
    refused(&bank.call("alice", "write_note", note()).await, &json!(false));
    std::fs::create_dir_all(&folder).unwrap();
    for _ in 0..200 {
        if bank.call("alice", "write_note", note()).await.ok {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let records = bank.records().await;
    let request_id = &answer.structured["request_id"];
    assert!(
        records.iter().any(|r| r["event"] == "outcome" && &r["request_id"] == request_id),
        "{records:#?}"
    );
}

#[tokio::test]
async fn nothing_runs_while_the_store_cannot_write() {
    let bank = Fixture::new().await;
    let id = bank.asked().await;
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    let store =
        rusqlite::Connection::open(bank.server.data_dir().join("mcp-secure.sqlite")).unwrap();
    store.busy_timeout(Duration::from_secs(5)).unwrap();
    store.execute_batch("ALTER TABLE runs RENAME TO lost").unwrap();
    for (tool, arguments) in [("write_note", note()), ("pay", payment())] {
        let answer = bank.call("alice", tool, arguments).await;
        refused(&answer, &json!(false));
        // Which may as well be a database elsewhere.
        let remedy = answer.structured["remedy"].as_str().unwrap();
        assert!(remedy.contains("the server's store"), "{tool}: {remedy}");
    }
    assert!(bank.effects.all().is_empty());
    // A read-only call needs no row.
    assert!(bank.call("rita", "read_account", json!({"account": "acc_1"})).await.ok);
    store.execute_batch("ALTER TABLE lost RENAME TO runs").unwrap();
    assert!(bank.call("alice", "pay", payment()).await.ok, "the approval was not spent");
    store.execute_batch("ALTER TABLE approvals RENAME TO lost").unwrap();
    let other = json!({"account": "acc_1", "amount": 41});
    refused(&bank.call("alice", "pay", other).await, &json!(false));
    assert!(bank.server.decide("bob", &id, Verdict::Deny).await.is_err());
    assert_eq!(bank.effects.all().len(), 1);
}

#[tokio::test]
async fn b20_a_store_that_another_process_holds_refuses_in_time_and_loses_no_approval() {
    let bank = Fixture::new().await;
    let id = bank.asked().await;
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    let store =
        rusqlite::Connection::open(bank.server.data_dir().join("mcp-secure.sqlite")).unwrap();
    store.busy_timeout(Duration::from_secs(5)).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer =
        tokio::time::timeout(Duration::from_secs(60), bank.call("alice", "pay", payment()));
    refused(&answer.await.expect("an answer in time"), &json!(false));
    assert!(bank.effects.all().is_empty());
    store.execute_batch("ROLLBACK").unwrap();
    assert!(bank.call("alice", "pay", payment()).await.ok);
    assert_eq!(bank.effects.all().len(), 1);
}
