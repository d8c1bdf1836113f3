//! Limits hold for everybody on their own, over all processes of a store, and when the store is gone.

use std::time::Duration;

use mcp_secure::approval::Verdict;
use mcp_secure::clock::{Clock, Timestamp};
use mcp_secure::limit::Quota;
use mcp_secure::pipeline::Settings;
use mcp_secure::prelude::*;
use mcp_secure::testing::{LocalReply, LocalServer};
use serde_json::json;

use crate::app::{Effects, Fixture, Weather, empty};

const POLICIES: &str = r#"
    permit (principal in Role::"clerk", action in [Action::"mail.send", Action::"account.read"], resource);
    permit (principal in Role::"lead", action in [Action::"mail.send.approve"], resource);
    permit (principal in Role::"reader", action in Action::"account.read", resource);
"#;

/// Sends a mail.
#[tool(
    risk = "medium",
    permission = "mail.send",
    destructive = false,
    rate_limit = "3/min per user"
)]
async fn send_mail(effects: &Effects) -> Content {
    effects.happened("mailed");
    Content::text("sent")
}

/// Sends a letter.
#[tool(risk = "medium", permission = "mail.send", destructive = false, rate_limit = ["2/min per tenant", "100/min per tool"])]
async fn send_letter(effects: &Effects) -> Content {
    effects.happened("posted");
    Content::text("sent")
}

/// Sends a card; few for each, and few at a time for all.
#[tool(risk = "medium", permission = "mail.send", destructive = false, rate_limit = ["3/day per user", "1/min per tenant"])]
async fn send_card(effects: &Effects) -> Content {
    effects.happened("card sent");
    Content::text("sent")
}

/// Sends a leaflet; many for each, and few at a time for all.
#[tool(risk = "medium", permission = "mail.send", destructive = false, rate_limit = ["200/day per user", "1/min per tenant"])]
async fn send_leaflet(effects: &Effects) -> Content {
    effects.happened("leaflet sent");
    Content::text("sent")
}

/// Sends many mails.
#[tool(
    risk = "medium",
    permission = "mail.send",
    destructive = false,
    rate_limit = "200/hour per tool"
)]
async fn send_newsletter(effects: &Effects) -> Content {
    effects.happened("published");
    Content::text("sent")
}

/// Sends a mail to everybody.
#[tool(
    risk = "high",
    permission = "mail.send",
    destructive = false,
    dry_run = look_at_readers,
    approval,
    rate_limit = "1/hour per tool"
)]
async fn send_to_all(effects: &Effects) -> Content {
    effects.happened("sent to all");
    Content::text("sent")
}

#[dry_run]
async fn look_at_readers(_weather: &Weather) -> Content {
    Content::text("7 readers")
}

/// Prints until the weather is calm, on four printers.
#[tool(risk = "medium", permission = "mail.send", destructive = false, max_concurrent = 4)]
async fn print(effects: &Effects, weather: &Weather) -> Content {
    effects.happened("printing");
    while !weather.calm.load(std::sync::atomic::Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Content::text("printed")
}

/// Watches until the weather is calm, at one of three windows.
#[tool(risk = "low", permission = "mail.send", read_only, max_concurrent = 3)]
async fn watch(weather: &Weather) -> Content {
    weather.reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    while !weather.calm.load(std::sync::atomic::Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Content::text("seen")
}

/// Looks.
#[tool(risk = "low", permission = "account.read", read_only)]
async fn look(_weather: &Weather) -> Content {
    Content::text("seen")
}

fn built(
    effects: &Effects,
    weather: &Weather,
) -> mcp_secure::server::ServerBuilder<crate::app::Bank> {
    empty(effects, weather)
        .tools(tools![send_mail, send_letter, send_newsletter, send_to_all, look])
        .policies(Policies::from_str("bank", POLICIES))
}

async fn bank() -> Fixture {
    Fixture::built(|builder| {
        builder
            .tools(tools![send_mail, send_letter, send_newsletter, send_to_all, look])
            .policies(Policies::from_str("bank", POLICIES))
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn b14_each_user_has_a_limit_of_their_own_and_hears_when_to_try_again() {
    let bank = bank().await;
    for _ in 0..3 {
        assert!(bank.call("alice", "send_mail", json!({})).await.ok);
    }
    let refused = bank.call("alice", "send_mail", json!({})).await;
    assert_eq!(
        (refused.code(), &refused.structured["executed"]),
        (Some("rate_limited"), &json!(false))
    );
    let wait = refused.structured["retry_after_ms"].as_u64().unwrap();
    assert!((1..=20_000).contains(&wait), "{wait}");
    assert!(bank.call("bob", "send_mail", json!({})).await.ok, "one shared bucket for everyone");
    assert_eq!(bank.effects.all().len(), 4);
}

#[tokio::test]
async fn a_tenants_limit_is_the_tenants_and_all_limits_hold() {
    let bank = bank().await;
    assert!(bank.call("alice", "send_letter", json!({})).await.ok);
    assert!(bank.call("bob", "send_letter", json!({})).await.ok);
    assert_eq!(bank.call("alice", "send_letter", json!({})).await.code(), Some("rate_limited"));
    assert!(bank.call("dave", "send_letter", json!({})).await.ok);
}

#[tokio::test]
async fn what_one_limit_refuses_uses_nothing_of_another_up() {
    let clock = Clock::fixed(Timestamp::from_millis(1_790_000_000_000));
    let policies =
        r#"permit (principal in Role::"clerk", action in Action::"mail.send", resource);"#;
    let tools = tools![send_card, send_leaflet];
    let built = Fixture::at(clock.clone(), |builder| {
        builder.tools(tools).policies(Policies::from_str("bank", policies))
    });
    let bank = built.await.unwrap();
    for (tool, polls) in [("send_card", 10), ("send_leaflet", 250)] {
        assert!(bank.call("bob", tool, json!({})).await.ok);
        // The minute's one is bob's. However often alice looks, her day is not used up by it.
        for _ in 0..polls {
            let refused = bank.call("alice", tool, json!({})).await;
            assert_eq!(refused.code(), Some("rate_limited"), "{tool}: {refused:?}");
            let reason = refused.structured["reason"].as_str().unwrap();
            assert!(reason.contains("your organisation"), "{tool}: {reason}");
            let wait = refused.structured["retry_after_ms"].as_u64().unwrap();
            assert!((1..=60_000).contains(&wait), "{tool}: {wait}");
        }
        for _ in 0..3 {
            clock.advance_millis(60_001);
            let sent = bank.call("alice", tool, json!({})).await;
            assert!(sent.ok, "{tool}: {sent:?}");
        }
    }
    assert_eq!(bank.effects.all().len(), 8);
    // And the other way round: alice's day is over, and what she tries takes no minute from bob.
    clock.advance_millis(60_001);
    for _ in 0..10 {
        let refused = bank.call("alice", "send_card", json!({})).await;
        assert_eq!(refused.code(), Some("rate_limited"), "{refused:?}");
    }
    assert!(bank.call("bob", "send_card", json!({})).await.ok);
}

/// A call that runs until the weather is calm, once it has begun.
async fn begun(
    bank: &Fixture,
    who: &str,
    tool: &'static str,
    begun: impl Fn() -> usize,
) -> tokio::task::JoinHandle<LocalReply> {
    let (client, before) = (bank.client(who), begun());
    let call = tokio::spawn(async move { client.call(tool, json!({})).await });
    while begun() == before {
        assert!(!call.is_finished(), "{who}: {:#?}", call.await);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    call
}

#[tokio::test]
async fn one_account_holds_at_most_half_of_what_a_tool_may_run_at_once() {
    let built = Fixture::built(|builder| {
        builder.tools(tools![print, watch]).policies(Policies::from_str(
            "bank",
            r#"permit (principal in Role::"clerk", action in Action::"mail.send", resource);"#,
        ))
    });
    let bank = built.await.unwrap();
    let printing = || bank.effects.all().len();
    let watching = || bank.weather.reads.load(std::sync::atomic::Ordering::Relaxed);
    let mut calls = Vec::new();
    for who in ["alice", "alice", "bob"] {
        calls.push(begun(&bank, who, "print", printing).await);
    }
    // Half of three is one.
    for who in ["alice", "bob"] {
        calls.push(begun(&bank, who, "watch", watching).await);
    }
    for tool in ["print", "watch"] {
        let refused = bank.call("alice", tool, json!({})).await;
        assert_eq!(refused.code(), Some("rate_limited"), "{tool}: {refused:#?}");
        assert_eq!(refused.structured["executed"], json!(false));
        assert!(refused.structured["retry_after_ms"].as_u64() > Some(0), "{refused:#?}");
        let reason = refused.structured["reason"].as_str().unwrap();
        assert!(reason.contains("of yours"), "{tool}: {reason}");
    }
    // An account is one of a tenant, and the others fill what is left and no more.
    calls.push(begun(&bank, "dave", "print", printing).await);
    calls.push(begun(&bank, "dave", "watch", watching).await);
    for tool in ["print", "watch"] {
        let refused = bank.call("bob", tool, json!({})).await;
        assert_eq!(refused.code(), Some("rate_limited"), "{tool}: {refused:#?}");
    }
    bank.weather.calm.store(true, std::sync::atomic::Ordering::Relaxed);
    for call in calls {
        assert!(call.await.unwrap().ok);
    }
    // What has ended is free again.
    for tool in ["print", "print", "print", "watch", "watch"] {
        assert!(bank.call("alice", tool, json!({})).await.ok);
    }
}

#[tokio::test]
async fn asking_previewing_and_waiting_use_nothing_up_and_running_does() {
    let bank = bank().await;
    let alice = bank.client("alice");
    for _ in 0..3 {
        assert!(alice.call("send_to_all", json!({"dry_run": true})).await.ok);
    }
    let mut id = String::new();
    for _ in 0..5 {
        let asked = alice.call("send_to_all", json!({})).await;
        assert_eq!(asked.code(), Some("approval_required"), "{asked:?}");
        asked.approval_id().unwrap().clone_into(&mut id);
    }
    bank.server.decide("carol", &id, Verdict::Approve).await.unwrap();
    assert!(alice.call("send_to_all", json!({})).await.ok);
    // The hour's one is used up now. A second approval waits for the next hour, and is not lost to the refusal.
    let other = bank.client("bob");
    let asked = other.call("send_to_all", json!({})).await;
    let id = asked.approval_id().unwrap().to_owned();
    bank.server.decide("carol", &id, Verdict::Approve).await.unwrap();
    for _ in 0..2 {
        assert_eq!(other.call("send_to_all", json!({})).await.code(), Some("rate_limited"));
    }
    let stands = bank.server.approvals("carol").await.unwrap();
    let state = stands.iter().find(|one| one.id.to_string() == id).map(|one| one.state.kind());
    assert_eq!(state, Some(mcp_secure::approval::StateKind::Approved), "{stands:?}");
    assert_eq!(bank.effects.all().len(), 1);
}

#[tokio::test]
async fn processes_that_share_a_store_share_its_limits() {
    let bank = bank().await;
    let other =
        LocalServer::open(built(&bank.effects, &bank.weather), bank.folder.path()).await.unwrap();
    let (here, there) = (bank.client("alice"), other.connect("alice").unwrap());
    let mut sent = 0;
    for _ in 0..150 {
        sent += usize::from(here.call("send_newsletter", json!({})).await.ok);
        sent += usize::from(there.call("send_newsletter", json!({})).await.ok);
    }
    assert!(sent <= 201, "{sent} of 200 in an hour, with one more that a slow machine may earn");
    // What one process leased and never used is lost for the hour, but that is little.
    assert!(sent >= 150, "{sent}");
    assert_eq!(bank.effects.all().len(), sent);
}

#[tokio::test]
async fn b14_a_limit_that_can_not_be_looked_up_lets_nothing_through() {
    let bank = bank().await;
    assert!(bank.call("alice", "send_mail", json!({})).await.ok);
    let store =
        rusqlite::Connection::open(bank.folder.path().join("data/mcp-secure.sqlite")).unwrap();
    store.execute_batch("DROP TABLE buckets").unwrap();
    let refused = bank.call("bob", "send_mail", json!({})).await;
    assert!(!refused.ok && refused.structured["executed"] == false, "{refused:?}");
    assert_eq!(bank.effects.all().len(), 1);
}

#[tokio::test]
async fn an_account_beyond_its_quota_is_refused_and_can_not_flood_the_record() {
    let settings = Settings { quota: Some(Quota::per_second(1).burst(5)), ..Settings::default() };
    let bank = Fixture::built(|builder| {
        builder
            .tools(tools![send_mail, send_to_all, look])
            .policies(Policies::from_str("bank", POLICIES))
            .settings(settings)
    })
    .await
    .unwrap();
    let mut refused = 0;
    for _ in 0..200 {
        let reply = bank.call("rita", "look", json!({})).await;
        if !reply.ok {
            assert_eq!(reply.code(), Some("rate_limited"), "{reply:?}");
            assert!(reply.structured["retry_after_ms"].as_u64() > Some(0));
            refused += 1;
        }
    }
    assert!(refused >= 190, "{refused}");
    assert!(bank.call("alice", "look", json!({})).await.ok, "another account is not held up");
    let records = bank.records().await;
    let kept = records.iter().filter(|r| r["outcome"]["code"] == "rate_limited").count();
    assert!((1..=2).contains(&kept), "{kept} records of {refused} refusals");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(bank.call("rita", "look", json!({})).await.ok);
}
