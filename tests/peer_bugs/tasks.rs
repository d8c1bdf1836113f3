//! A client that waits for a task: the server goes on once people have decided, through every gate there is, and tells
//! nobody else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_secure::approval::{Party, StateKind, Verdict};
use mcp_secure::identity::{Present, Refresh, RefreshError};
use mcp_secure::prelude::*;
use mcp_secure::store::SwitchScope;
use mcp_secure::testing::{LocalClient, LocalReply, LocalTask};
use mcp_secure::tool::BoxFuture;
use serde_json::{Value, json};

use crate::app::{Account, AccountId, Effects, Fixture, Mischief, POLICIES, empty, payment, tools};

/// Does something that people approve, and comes to grief.
#[tool(risk = "high", permission = "money.pay", approval, max_output = "1KiB")]
async fn gamble(effects: &Effects, how: Mischief) -> Result<Content, ToolError> {
    match how {
        Mischief::Vouched => {
            return Err(ToolError::public("the books are closed today").no_effect());
        }
        Mischief::Internal => return Err(ToolError::internal("hunter2 at /var/lib/bank.db")),
        _ => effects.happened("gambled"),
    }
    if how == Mischief::Panic {
        panic!("hunter2 in a panic");
    }
    Ok(Content::text("x".repeat(2000)))
}

/// Pays once under the client's name for it.
#[tool(risk = "high", permission = "money.pay", approval, idempotency)]
async fn pay_named(effects: &Effects, amount: u32) -> Content {
    effects.happened(format!("paid {amount} by name"));
    Content::text("paid")
}

/// Pays each account once, whoever asks.
#[tool(risk = "high", permission = "money.pay", resource = Account(account), approval, idempotency(key = [account]))]
async fn pay_each(effects: &Effects, account: AccountId, amount: u32) -> Content {
    effects.happened(format!("paid {amount} to {}", account.0));
    Content::text("paid")
}

/// What a hook does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    Vouches,
    KnowsNobody,
    Fails,
    MovedAway,
    SomebodyElse,
    LostTheRole,
}

#[derive(Clone)]
pub(crate) struct Hook {
    how: Arc<Mutex<How>>,
    asked: Arc<AtomicUsize>,
}

impl Hook {
    pub(crate) fn that(how: How) -> Self {
        Self { how: Arc::new(Mutex::new(how)), asked: Arc::default() }
    }
}

impl Refresh for Hook {
    fn refresh<'a>(
        &'a self,
        account: &'a Party,
    ) -> BoxFuture<'a, Result<Option<Present>, RefreshError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let how = *self.how.lock().unwrap();
        let mut present = Present {
            tenant: account.tenant.clone(),
            person: account.person.clone(),
            roles: ["clerk".to_owned()].into(),
            scopes: Default::default(),
        };
        Box::pin(async move {
            match how {
                How::Vouches => {}
                How::KnowsNobody => return Ok(None),
                How::Fails => return Err("the directory is away".into()),
                How::MovedAway => present.tenant = "globex".to_owned(),
                How::SomebodyElse => present.person = Some("bob".to_owned()),
                How::LostTheRole => present.roles.clear(),
            }
            Ok(Some(present))
        })
    }
}

pub(crate) async fn bank_with(hook: Option<Hook>) -> Fixture {
    let built = Fixture::built(|builder| {
        let builder = builder
            .tools(tools())
            .tools(tools![gamble, pay_named, pay_each])
            .policies(Policies::from_str("bank", POLICIES));
        match hook {
            Some(hook) => builder.refresh(hook),
            None => builder,
        }
    });
    built.await.unwrap()
}

/// A bank that runs nothing by itself.
pub(crate) async fn waiting_bank() -> Fixture {
    bank_with(Some(Hook::that(How::KnowsNobody))).await
}

/// Begins a call that waits for people; the id of its task.
pub(crate) async fn begun(client: &LocalClient, tool: &str, arguments: Value) -> String {
    let reply = client.begin(tool, arguments).await;
    assert_eq!(reply.code(), Some("approval_required"), "{reply:#?}");
    reply.approval_id().unwrap().to_owned()
}

/// Looks at a task as a client does until it is over.
pub(crate) async fn over(client: &LocalClient, id: &str) -> LocalReply {
    for _ in 0..200 {
        match client.task(id).await.unwrap() {
            LocalTask::Completed(reply) => return reply,
            LocalTask::Working(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            LocalTask::Cancelled => panic!("it was taken back"),
        }
    }
    panic!("it is never over: {:?}", client.task(id).await);
}

pub(crate) async fn waits(client: &LocalClient, id: &str) -> String {
    match client.task(id).await.unwrap() {
        LocalTask::Working(says) => says,
        other => panic!("not waiting: {other:#?}"),
    }
}

pub(crate) async fn until(happened: impl AsyncFn() -> bool) {
    for _ in 0..400 {
        if happened().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it never happened");
}

/// The states of the request called `id` on record, with who moved it there.
pub(crate) async fn stands(bank: &Fixture, id: &str) -> StateKind {
    let all = bank.server.approvals("carol").await.unwrap();
    all.iter().find(|approval| approval.id.to_string() == id).unwrap().state.kind()
}

#[tokio::test]
async fn what_people_approve_runs_by_itself_once_and_the_record_says_that_the_server_ran_it() {
    let bank = Fixture::new().await;
    let alice = bank.client("alice");
    let id = begun(&alice, "pay", payment()).await;
    assert!(waits(&alice, &id).await.starts_with("NOT EXECUTED"), "it waits");
    assert!(bank.effects.all().is_empty());
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    // Nobody looks: the server goes on by itself.
    until(async || !bank.effects.all().is_empty()).await;
    let reply = over(&alice, &id).await;
    assert!(reply.ok, "{reply:#?}");
    let again = alice.call("pay", payment()).await;
    assert_eq!((again.ok, &again.structured), (true, &reply.structured), "the same answer");
    assert_eq!(bank.effects.all(), ["paid 40 from acc_1 for None"]);
    let records = bank.records().await;
    let ran = records.iter().find(|record| record["event"] == "intent").unwrap();
    assert_eq!(ran["transport"], "task", "{ran:#}");
    assert_eq!(ran["principal"]["subject"], "alice", "{ran:#}");
    assert_eq!(ran["approval"]["id"], json!(id), "{ran:#}");
}

#[tokio::test]
async fn b01_b06_a_denied_task_is_over_says_so_and_never_runs() {
    let bank = Fixture::new().await;
    let alice = bank.client("alice");
    let id = begun(&alice, "pay", payment()).await;
    bank.server.decide("bob", &id, Verdict::Deny).await.unwrap();
    for _ in 0..3 {
        let reply = over(&alice, &id).await;
        assert_eq!(reply.code(), Some("approval_denied"), "{reply:#?}");
        assert_eq!(reply.structured["executed"], json!(false), "{reply:#?}");
    }
    alice.cancel_task(&id).await.unwrap();
    assert_eq!(over(&alice, &id).await.code(), Some("approval_denied"), "a no stays a no");
    assert_eq!(alice.begin("pay", payment()).await.code(), Some("approval_denied"));
    assert!(bank.effects.all().is_empty());
}

#[tokio::test]
async fn b26_a_task_is_only_there_for_the_account_and_the_client_that_asked() {
    let bank = waiting_bank().await;
    let alice = bank.client("alice");
    let id = begun(&alice, "pay", payment()).await;
    let strangers = [
        bank.client("bob"),
        bank.client("dave"),
        bank.client("mallory"),
        bank.client("alice-too"),
        bank.server.connect_through("alice", "another client").unwrap(),
    ];
    let none = "apr_00000000000000000000000000000000";
    let unknown = alice.task(none).await.unwrap_err();
    assert_eq!(unknown.code(), Some("unknown"));
    for decided in [false, true] {
        if decided {
            bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
        }
        for stranger in &strangers {
            for id in [id.as_str(), none, "", "*", "apr_", &id.to_uppercase()] {
                assert_eq!(stranger.task(id).await.unwrap_err(), unknown, "{stranger:?} {id}");
                assert_eq!(
                    stranger.cancel_task(id).await.unwrap_err(),
                    unknown,
                    "{stranger:?} {id}"
                );
            }
        }
        assert!(bank.effects.all().is_empty(), "looking at another's task runs nothing");
    }
    // And the answer is nobody else's either.
    assert!(over(&alice, &id).await.ok);
    for stranger in &strangers {
        assert_eq!(stranger.task(&id).await.unwrap_err(), unknown, "{stranger:?}");
    }
    let tried = bank.records().await;
    let tried = tried.iter().filter(|record| record["outcome"]["code"] == "unknown_task");
    assert!(tried.count() > strangers.len(), "whoever tries ids leaves a trace");
}

#[tokio::test]
async fn without_somebody_who_vouches_the_server_runs_nothing_and_the_next_look_does() {
    for how in [How::KnowsNobody, How::Fails, How::MovedAway, How::SomebodyElse] {
        let hook = Hook::that(how);
        let bank = bank_with(Some(hook.clone())).await;
        let alice = bank.client("alice");
        let id = begun(&alice, "pay", payment()).await;
        bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
        until(async || hook.asked.load(Ordering::Relaxed) > 0).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert!(bank.effects.all().is_empty(), "{how:?}");
        let asked = hook.asked.load(Ordering::Relaxed);
        assert!(asked <= 2, "{how:?}: it is not asked {asked} times in a moment");
        assert_eq!(stands(&bank, &id).await, StateKind::Approved, "{how:?}");
        let records = bank.records().await;
        let told = records.iter().find(|r| r["outcome"]["code"] == "not_vouched_for");
        assert_eq!(told.unwrap()["approval"]["id"], json!(id), "{how:?}");
        // The client's own look brings a caller who was authenticated just now, and does not wait for the server's tries.
        let LocalTask::Completed(reply) = alice.task(&id).await.unwrap() else {
            panic!("{how:?}: {:?}", alice.task(&id).await)
        };
        assert!(reply.ok, "{how:?}: {reply:#?}");
        assert_eq!(bank.effects.all().len(), 1, "{how:?}");
    }
}

#[tokio::test]
async fn a_requester_who_lost_the_role_gets_nothing_run_until_it_is_back() {
    let hook = Hook::that(How::LostTheRole);
    let bank = bank_with(Some(hook.clone())).await;
    let alice = bank.client("alice");
    let id = begun(&alice, "pay", payment()).await;
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    until(async || {
        let records = bank.records().await;
        records.iter().any(|r| r["transport"] == "task" && r["event"] == "refusal")
    })
    .await;
    assert!(bank.effects.all().is_empty());
    assert_eq!(stands(&bank, &id).await, StateKind::Approved, "the approval is not used up");
    *hook.how.lock().unwrap() = How::Vouches;
    until(async || bank.effects.all().len() == 1).await;
    assert!(over(&alice, &id).await.ok);
}

#[tokio::test]
async fn b03_b06_however_many_go_on_with_a_task_it_runs_once() {
    let bank = Fixture::new().await;
    let alice = bank.client("alice");
    let id = begun(&alice, "pay", payment()).await;
    let looks: Vec<_> = (0..16)
        .map(|nth| {
            let (alice, id) = (alice.clone(), id.clone());
            tokio::spawn(async move {
                if nth % 4 == 3 {
                    while alice.call("pay", payment()).await.code().is_some() {
                        tokio::time::sleep(Duration::from_millis(3)).await;
                    }
                } else {
                    assert!(over(&alice, &id).await.ok);
                }
            })
        })
        .collect();
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    for look in looks {
        look.await.unwrap();
    }
    assert_eq!(bank.effects.all().len(), 1);
}

#[tokio::test]
async fn a_task_that_is_taken_back_can_not_be_decided_and_never_runs() {
    let bank = Fixture::new().await;
    let alice = bank.client("alice");
    let id = begun(&alice, "pay", payment()).await;
    alice.cancel_task(&id).await.unwrap();
    assert_eq!(alice.task(&id).await.unwrap(), LocalTask::Cancelled);
    assert!(bank.server.decide("bob", &id, Verdict::Approve).await.is_err());
    alice.cancel_task(&id).await.unwrap();
    assert_eq!(alice.task(&id).await.unwrap(), LocalTask::Cancelled);
    let records = bank.records().await;
    let taken: Vec<_> = records.iter().filter(|r| r["detail"]["verdict"] == "withdraw").collect();
    assert_eq!(taken.len(), 3, "on record before it counts, and after: {records:#?}");
    assert!(taken.iter().all(|r| r["principal"]["subject"] == "alice"), "{taken:#?}");
    assert_eq!(taken[1]["approval"]["state"], "withdrawn", "{taken:#?}");
    assert_eq!(
        taken[2]["outcome"]["code"], "too_late",
        "the second time changes nothing: {taken:#?}"
    );
    assert!(bank.effects.all().is_empty());
    // Nothing stands in the way of asking anew.
    assert_ne!(begun(&alice, "pay", payment()).await, id);
}

#[tokio::test]
async fn an_approval_that_is_taken_back_before_it_runs_is_useless() {
    let bank = waiting_bank().await;
    let alice = bank.client("alice");
    let id = begun(&alice, "pay", payment()).await;
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    alice.cancel_task(&id).await.unwrap();
    let reply = over(&alice, &id).await;
    assert_eq!(reply.code(), Some("approval_required"), "{reply:#?}");
    assert_eq!(reply.structured["executed"], json!(false), "{reply:#?}");
    assert_eq!(stands(&bank, &id).await, StateKind::Void);
    assert!(bank.effects.all().is_empty());
}

#[tokio::test]
async fn b29_a_task_that_failed_says_how_and_whether_anything_happened() {
    let bank = bank_with(None).await;
    let alice = bank.client("alice");
    for (how, code, executed, reason) in [
        ("vouched", "tool_failed", json!(false), "the books are closed today"),
        ("internal", "in_doubt", json!("unknown"), "nobody knows"),
        ("panic", "in_doubt", json!("unknown"), "nobody knows"),
        ("too_large", "output_refused", json!(true), "broke the tool's own promise"),
    ] {
        let id = begun(&alice, "gamble", json!({"how": how})).await;
        bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
        for look in ["first", "second"] {
            let reply = over(&alice, &id).await;
            assert_eq!(reply.code(), Some(code), "{how}, {look}: {reply:#?}");
            assert_eq!(reply.structured["executed"], executed, "{how}, {look}: {reply:#?}");
            let says = reply.structured["reason"].as_str().unwrap();
            assert!(says.contains(reason), "{how}, {look}: {says}");
            assert!(!reply.structured.to_string().contains("hunter2"), "{reply:#?}");
        }
    }
}

#[tokio::test]
async fn a_task_keeps_the_name_its_client_gave_the_call() {
    let bank = bank_with(None).await;
    let alice = bank.client("alice");
    let named =
        || [("mcp-secure/idempotency_key".to_owned(), json!("march"))].into_iter().collect();
    let asked = alice.begin_with_meta("pay_named", json!({"amount": 5}), named()).await;
    let id = asked.approval_id().unwrap();
    bank.server.decide("bob", id, Verdict::Approve).await.unwrap();
    assert!(over(&alice, id).await.ok);
    // The name is taken now, by that call and no other.
    let other = alice.call_with_meta("pay_named", json!({"amount": 6}), named()).await;
    assert_eq!(other.code(), Some("idempotency_conflict"), "{other:#?}");
    let same = alice.call_with_meta("pay_named", json!({"amount": 5}), named()).await;
    assert!(same.ok && same.replayed, "{same:#?}");
    assert_eq!(bank.effects.all(), ["paid 5 by name"]);
}

#[tokio::test]
async fn a_task_whose_key_somebody_else_holds_is_over_and_says_so() {
    let bank = waiting_bank().await;
    let (alice, bob) = (bank.client("alice"), bank.client("bob"));
    let payment = json!({"account": "acc_1", "amount": 5});
    let id = begun(&alice, "pay_each", payment.clone()).await;
    let quicker = begun(&bob, "pay_each", payment).await;
    for (id, by) in [(&id, "bob"), (&quicker, "carol")] {
        bank.server.decide(by, id, Verdict::Approve).await.unwrap();
    }
    assert!(over(&bob, &quicker).await.ok);
    for _ in 0..2 {
        let reply = over(&alice, &id).await;
        assert_eq!(reply.code(), Some("idempotency_conflict"), "{reply:#?}");
        assert_eq!(reply.structured["executed"], json!(false), "{reply:#?}");
    }
    assert_eq!(bank.effects.all().len(), 1);
}

#[tokio::test]
async fn what_is_switched_off_waits_and_goes_on_when_it_is_on_again() {
    let policies = format!(
        r#"{POLICIES} permit (principal in Role::"lead", action in Action::"server.switch", resource);"#
    );
    let bank = Fixture::with(Policies::from_str("bank", &policies)).await;
    let alice = bank.client("alice");
    let id = begun(&alice, "pay", payment()).await;
    let pay = || SwitchScope::Tool("pay".to_owned());
    assert!(bank.server.switch("carol", pay(), true, None).await.unwrap());
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    until(async || waits(&alice, &id).await.contains("switched_off")).await;
    assert!(bank.effects.all().is_empty());
    assert_eq!(stands(&bank, &id).await, StateKind::Approved);
    assert!(bank.server.switch("carol", pay(), false, None).await.unwrap());
    until(async || bank.effects.all().len() == 1).await;
    assert!(over(&alice, &id).await.ok);
}

#[tokio::test]
async fn a_task_approved_before_a_restart_goes_on_after_it() {
    let bank = waiting_bank().await;
    let id = begun(&bank.client("alice"), "pay", payment()).await;
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    let builder = empty(&bank.effects, &bank.weather)
        .tools(tools())
        .policies(Policies::from_str("bank", POLICIES));
    let bank = bank.restarted(builder).await;
    until(async || bank.effects.all().len() == 1).await;
    assert!(over(&bank.client("alice"), &id).await.ok);
}
