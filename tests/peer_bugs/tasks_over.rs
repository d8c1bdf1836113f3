//! A task that people approved and that can not run (any more): it ends, and says so, or is left to who can run it.

use mcp_secure::approval::{StateKind, Verdict};
use mcp_secure::clock::{Clock, Timestamp};
use mcp_secure::prelude::*;
use mcp_secure::testing::{LocalServer, LocalTask};
use serde_json::{Value, json};

use crate::app::{Account, AccountId, Bank, Effects, Fixture, POLICIES, empty, payment, tools};
use crate::tasks::{Hook, How, begun, over, stands, until, waiting_bank, waits};

/// Pays out, in a later version that has another input.
#[tool(name = "pay", risk = "high", permission = "money.pay", resource = Account(account), approval)]
pub(crate) async fn pay_later_version(
    effects: &Effects,
    account: AccountId,
    amount: u32,
    urgent: Option<bool>,
) -> Content {
    effects.happened(format!("paid {amount} from {} in the later version, {urgent:?}", account.0));
    Content::text("paid")
}

/// Pays out, in a later version that asks nobody.
#[tool(name = "pay", risk = "medium", permission = "money.pay", resource = Account(account))]
async fn pay_asking_nobody(effects: &Effects, account: AccountId, amount: u32) -> Content {
    effects.happened(format!("paid {amount} from {} and asked nobody", account.0));
    Content::text("paid")
}

/// Policies that fit every version.
const LATER: &str = r#"
    @id("clerks") permit (principal in Role::"clerk", action == Action::"pay", resource);
    @id("leads") permit (principal in Role::"lead", action, resource);
"#;

/// The usual payment, asked for as a task by alice and approved by bob.
async fn approved(bank: &Fixture) -> String {
    let id = begun(&bank.client("alice"), "pay", payment()).await;
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    id
}

/// The bank after a restart, with one more policy.
async fn restarted_with(bank: Fixture, policy: &str) -> Fixture {
    let builder = empty(&bank.effects, &bank.weather)
        .tools(tools())
        .policies(Policies::from_str("bank", format!("{POLICIES}{policy}")))
        .refresh(Hook::that(How::KnowsNobody));
    bank.restarted(builder).await
}

/// What a refusal tells, but for what names it.
fn told(structured: &Value) -> Value {
    let mut told = structured.clone();
    for name in ["request_id", "approval_id"] {
        told.as_object_mut().unwrap().remove(name);
    }
    told
}

#[tokio::test]
async fn an_approved_task_that_policy_refuses_by_now_is_over_with_the_refusal_that_the_call_gets() {
    let bank = waiting_bank().await;
    let id = approved(&bank).await;
    let forbids = r#"forbid (principal, action == Action::"pay", resource) when { principal.subject == "alice" };"#;
    let bank = restarted_with(bank, forbids).await;
    let alice = bank.client("alice");
    let refused = alice.call("pay", payment()).await;
    assert_eq!(refused.code(), Some("permission_denied"), "{refused:#?}");
    assert_eq!(stands(&bank, &id).await, StateKind::Approved, "the plain call takes nothing away");
    for look in ["first", "second"] {
        let reply = over(&alice, &id).await;
        assert_eq!(told(&reply.structured), told(&refused.structured), "{look}");
        assert_eq!(reply.approval_id(), Some(id.as_str()), "{look}");
    }
    assert_eq!(stands(&bank, &id).await, StateKind::Void);
    let records = bank.records().await;
    let void = records
        .iter()
        .find(|r| r["approval"]["id"] == json!(id) && r["approval"]["state"] == "void")
        .unwrap_or_else(|| panic!("{records:#?}"));
    assert_eq!(void["outcome"]["code"], "permission_denied", "{void:#}");
    // A task that has ended stays so, whatever policy says later. People are asked anew.
    let bank = restarted_with(bank, "").await;
    let alice = bank.client("alice");
    assert_eq!(over(&alice, &id).await.code(), Some("permission_denied"));
    assert_ne!(begun(&alice, "pay", payment()).await, id);
    assert!(bank.effects.all().is_empty());
}

#[tokio::test]
async fn an_approved_task_of_a_tool_that_its_requester_does_not_see_any_more_is_over() {
    let bank = waiting_bank().await;
    let id = approved(&bank).await;
    let leads = r#"permit (principal in Role::"lead", action, resource);"#;
    let builder = empty(&bank.effects, &bank.weather)
        .tools(tools())
        .policies(Policies::from_str("bank", leads))
        .refresh(Hook::that(How::KnowsNobody));
    let bank = bank.restarted(builder).await;
    let alice = bank.client("alice");
    assert_eq!(alice.call("pay", payment()).await.code(), Some("unknown"));
    for _ in 0..2 {
        // As of a tool that is gone: which of the two it is they are not told.
        let reply = over(&alice, &id).await;
        assert_eq!(reply.code(), Some("approval_required"), "{reply:#?}");
        assert_eq!(reply.structured["executed"], json!(false), "{reply:#?}");
    }
    assert_eq!(stands(&bank, &id).await, StateKind::Void);
    assert!(bank.effects.all().is_empty());
}

#[tokio::test]
async fn an_approved_task_whose_resource_can_not_be_loaded_waits_until_it_can() {
    let bank = waiting_bank().await;
    let alice = bank.client("alice");
    let id = begun(&alice, "pay", json!({"account": "acc_900", "amount": 40})).await;
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    *bank.weather.storm.lock().unwrap() = Some("fail");
    // The server's own try comes first, and the look's after a while.
    until(async || waits(&alice, &id).await.contains("permission_denied")).await;
    assert!(waits(&alice, &id).await.starts_with("NOT EXECUTED"));
    assert_eq!(stands(&bank, &id).await, StateKind::Approved);
    *bank.weather.storm.lock().unwrap() = None;
    assert!(over(&alice, &id).await.ok);
    assert_eq!(bank.effects.all().len(), 1);
}

#[tokio::test]
async fn a_vote_that_policy_no_longer_counts_runs_no_task() {
    let bank = waiting_bank().await;
    let id = approved(&bank).await;
    let stricter = r#"forbid (principal, action in Action::"money.pay.approve", resource) when { principal.subject == "bob" };"#;
    let bank = restarted_with(bank, stricter).await;
    let reply = over(&bank.client("alice"), &id).await;
    assert_eq!(reply.code(), Some("approval_required"), "{reply:#?}");
    assert_eq!(stands(&bank, &id).await, StateKind::Void);
    assert!(bank.effects.all().is_empty());
}

/// The bank with its hands tied, by a clock of its own.
async fn bank_at(clock: &Clock) -> Fixture {
    let built = Fixture::at(clock.clone(), |builder| {
        let policies = Policies::from_str("bank", POLICIES);
        builder.tools(tools()).policies(policies).refresh(Hook::that(How::KnowsNobody))
    });
    built.await.unwrap()
}

/// A server of another version on the same store, whose people are vouched for.
async fn other_version(bank: &Fixture, tools: ToolSet<Bank>, clock: &Clock) -> LocalServer {
    let builder = empty(&bank.effects, &bank.weather)
        .tools(tools)
        .policies(Policies::from_str("bank", LATER));
    LocalServer::open_with(builder, bank.folder.path(), clock.clone(), true).await.unwrap()
}

fn a_clock() -> Clock {
    Clock::fixed(Timestamp::from_millis(1_790_000_000_000))
}

#[tokio::test]
async fn while_releases_overlap_a_look_at_the_other_one_neither_runs_nor_voids_what_was_approved() {
    let clock = a_clock();
    let bank = bank_at(&clock).await;
    let id = approved(&bank).await;
    let newer = other_version(&bank, tools![pay_later_version], &clock).await;
    let look = || async { newer.connect("alice").unwrap().task(&id).await.unwrap() };
    for minute in 0..15 {
        let LocalTask::Working(says) = look().await else {
            panic!("{minute}: {:#?}", look().await)
        };
        assert!(says.starts_with("NOT EXECUTED"), "{says}");
        assert!(says.contains("another version"), "{says}");
        clock.advance_millis(59_000);
    }
    assert_eq!(stands(&bank, &id).await, StateKind::Approved);
    assert!(bank.effects.all().is_empty());
    // A server that has the version goes on with it.
    assert!(over(&bank.client("alice"), &id).await.ok);
    assert_eq!(bank.effects.all(), ["paid 40 from acc_1 for None"]);
    let LocalTask::Completed(reply) = look().await else { panic!("{:#?}", look().await) };
    assert_eq!(reply.structured["executed"], json!(true), "{reply:#?}");
}

#[tokio::test]
async fn what_was_approved_for_a_version_that_nobody_serves_any_more_never_runs_and_is_over() {
    for (name, later) in
        [("another input", tools![pay_later_version]), ("nobody to ask", tools![pay_asking_nobody])]
    {
        let clock = a_clock();
        let bank = bank_at(&clock).await;
        let id = approved(&bank).await;
        bank.server.clone().close().await.unwrap();
        let newer = other_version(&bank, later, &clock).await;
        let alice = newer.connect("alice").unwrap();
        // It is nothing the server goes on with by itself.
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        assert!(waits(&alice, &id).await.contains("another version"), "{name}");
        clock.advance_millis(15 * 60_000);
        for _ in 0..2 {
            let reply = over(&alice, &id).await;
            assert_eq!(reply.code(), Some("approval_required"), "{name}: {reply:#?}");
            assert_eq!(reply.structured["executed"], json!(false), "{name}: {reply:#?}");
        }
        let all = newer.approvals("alice").await.unwrap();
        let found = all.iter().find(|approval| approval.id.to_string() == id).unwrap();
        assert_eq!(found.state.kind(), StateKind::Void, "{name}");
        assert!(bank.effects.all().is_empty(), "{name}: {:?}", bank.effects.all());
    }
}
