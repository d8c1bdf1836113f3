//! A question that nobody answered in time, and an answer that nobody used in time.

use mcp_secure::approval::{StateKind, Verdict};
use mcp_secure::clock::{Clock, Timestamp};
use mcp_secure::prelude::*;
use mcp_secure::testing::LocalReply;
use serde_json::json;

use crate::app::{Account, AccountId, Bank, Effects, Fixture};

/// Pays within the minute, or asks anew.
#[tool(
    risk = "high",
    permission = "money.pay",
    resource = Account(account),
    approval(by = "money.pay.approve", expires = "1m")
)]
async fn pay_soon(effects: &Effects, account: AccountId) -> Content {
    effects.happened(format!("paid from {}", account.0));
    Content::text("paid")
}

const MINUTE: i64 = 60_000;

async fn bank() -> (Fixture, Clock) {
    let clock = Clock::fixed(Timestamp::from_millis(1_790_000_000_000));
    let tools: ToolSet<Bank> = tools![pay_soon];
    let policies = r#"
        permit (principal in Role::"clerk", action in Action::"money.pay", resource);
        permit (principal in Role::"lead", action in Action::"money.pay.approve", resource);
    "#;
    let built = Fixture::at(clock.clone(), |builder| {
        builder.tools(tools).policies(Policies::from_str("bank", policies))
    });
    (built.await.unwrap(), clock)
}

async fn call(bank: &Fixture) -> LocalReply {
    bank.call("alice", "pay_soon", json!({"account": "acc_1"})).await
}

/// The id of the request that this answer tells of, under this code.
#[track_caller]
fn told(answer: &LocalReply, code: &str) -> String {
    assert_eq!(answer.code(), Some(code), "{answer:#?}");
    assert_eq!(answer.structured["executed"], json!(false), "{answer:#?}");
    answer.approval_id().unwrap_or_else(|| panic!("{answer:#?}")).to_owned()
}

#[tokio::test]
async fn a_question_that_nobody_answered_in_time_is_told_once_and_then_asked_anew() {
    let (bank, clock) = bank().await;
    let first = told(&call(&bank).await, "approval_required");
    clock.advance_millis(MINUTE - 1);
    assert_eq!(told(&call(&bank).await, "approval_required"), first, "not a millisecond too early");
    clock.advance_millis(1);
    let late = bank.server.decide("bob", &first, Verdict::Approve).await;
    assert!(late.is_err(), "decided too late: {late:#?}");
    assert_eq!(told(&call(&bank).await, "approval_expired"), first);
    let second = told(&call(&bank).await, "approval_required");
    assert_ne!(second, first);
    assert_eq!(told(&call(&bank).await, "approval_required"), second, "told once");
    assert!(bank.effects.all().is_empty());
    // The new question is as good as the first was.
    bank.server.decide("bob", &second, Verdict::Approve).await.unwrap();
    assert!(call(&bank).await.ok);
    assert_eq!(bank.effects.all().len(), 1);
}

#[tokio::test]
async fn a_decision_that_nobody_used_in_time_runs_nothing() {
    let (bank, clock) = bank().await;
    let first = told(&call(&bank).await, "approval_required");
    bank.server.decide("bob", &first, Verdict::Approve).await.unwrap();
    clock.advance_millis(MINUTE);
    assert_eq!(told(&call(&bank).await, "approval_expired"), first);
    let second = told(&call(&bank).await, "approval_required");
    assert_ne!(second, first);
    assert!(bank.effects.all().is_empty(), "the old approval ran it");
    let listed = bank.server.approvals("bob").await.unwrap();
    let states: Vec<_> = listed.iter().map(|one| (one.id.to_string(), one.state.kind())).collect();
    assert!(states.contains(&(first, StateKind::Expired)), "{states:?}");
    assert!(states.contains(&(second, StateKind::Pending)), "{states:?}");
}
