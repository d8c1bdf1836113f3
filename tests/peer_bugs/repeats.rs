//! One thing is done once, however often it is asked for.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mcp_secure::approval::Verdict;
use mcp_secure::prelude::*;
use mcp_secure::testing::LocalReply;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::app::{Account, AccountId, Effects, Fixture, Weather, empty};

const POLICIES: &str = r#"
    permit (principal in Role::"clerk", action in [Action::"money.pay", Action::"note.write"], resource);
    permit (principal in Role::"lead", action in Action::"money.pay.approve", resource);
    permit (principal in Role::"lead", action in Action::"money.pay.resolve", resource);
"#;

/// What was paid, and which payment of all it was.
#[derive(Debug, Serialize, Deserialize, JsonSchema, ToolOutput)]
struct Receipt {
    number: usize,
    by: String,
}

/// Pays a bill of an account, once.
#[tool(risk = "high", permission = "money.pay", resource = Account(account), idempotency(key = [account, bill], window = "1h"))]
async fn pay_bill(
    caller: &Principal,
    effects: &Effects,
    weather: &Weather,
    account: AccountId,
    bill: u32,
    amount: u32,
) -> Result<Receipt, ToolError> {
    if weather.calm.load(Ordering::Relaxed) {
        return Err(ToolError::public("the books are closed").no_effect());
    }
    effects.happened(format!("paid {amount} for bill {bill} of {}", account.0));
    weather.pass().await?;
    Ok(Receipt { number: effects.all().len(), by: caller.subject.clone() })
}

/// Pays a bill of an account, once, after a person has said yes.
#[tool(risk = "high", permission = "money.pay", resource = Account(account), approval, idempotency(key = [account, bill]))]
async fn pay_bill_if_approved(effects: &Effects, account: AccountId, bill: u32) -> Receipt {
    effects.happened(format!("paid bill {bill} of {}", account.0));
    Receipt { number: effects.all().len(), by: String::new() }
}

/// Leaves a note.
#[tool(risk = "medium", permission = "note.write", destructive = false, idempotency)]
async fn leave_note(effects: &Effects, #[arg(max_len = 40)] text: String) -> Receipt {
    effects.happened(format!("noted {text}"));
    Receipt { number: effects.all().len(), by: String::new() }
}

/// Sets a mark, as often as one likes.
#[tool(risk = "medium", permission = "note.write", idempotent, idempotency(key = [mark]))]
async fn set_mark(effects: &Effects, weather: &Weather, mark: u32) -> Result<Receipt, ToolError> {
    effects.happened(format!("marked {mark}"));
    weather.pass().await?;
    Ok(Receipt { number: effects.all().len(), by: String::new() })
}

/// Leaves too long a note.
#[tool(
    risk = "medium",
    permission = "note.write",
    destructive = false,
    max_output = "1KiB",
    idempotency
)]
async fn ramble(effects: &Effects) -> Content {
    effects.happened("rambled");
    Content::text("x".repeat(2000))
}

async fn bank() -> Fixture {
    let tools = tools![pay_bill, pay_bill_if_approved, leave_note, set_mark, ramble];
    let policies = Policies::from_str("bank", POLICIES);
    Fixture::built(|builder| builder.tools(tools).policies(policies)).await.unwrap()
}

fn bill(number: u32, amount: u32) -> Value {
    json!({"account": "acc_1", "bill": number, "amount": amount})
}

fn wish(key: &str) -> Map<String, Value> {
    [("mcp-secure/idempotency_key".to_owned(), json!(key))].into_iter().collect()
}

async fn note(bank: &Fixture, who: &str, text: &str, key: &str) -> LocalReply {
    bank.client(who).call_with_meta("leave_note", json!({"text": text}), wish(key)).await
}

#[tokio::test]
async fn a_repeated_call_is_answered_as_the_first_was_and_does_nothing() {
    let bank = bank().await;
    let first = bank.call("alice", "pay_bill", bill(7, 40)).await;
    assert!(first.ok && !first.replayed, "{first:?}");
    let again = bank.call("alice", "pay_bill", bill(7, 40)).await;
    assert!(again.ok && again.replayed, "{again:?}");
    assert_eq!(again.structured, first.structured);
    assert_eq!(bank.effects.all().len(), 1);
    let other = bank.call("alice", "pay_bill", bill(8, 40)).await;
    assert!(other.ok && !other.replayed, "another bill is another call: {other:?}");
    let outcomes: Vec<_> = bank
        .records()
        .await
        .into_iter()
        .filter(|r| r["event"] == "outcome")
        .map(|r| r["outcome"]["code"].clone())
        .collect();
    assert_eq!(outcomes, ["ok", "replayed", "ok"]);
}

#[tokio::test]
async fn a_colleague_hears_of_a_conflict_and_nothing_of_the_answer() {
    let bank = bank().await;
    assert!(bank.call("alice", "pay_bill", bill(7, 40)).await.ok);
    let theirs = bank.call("bob", "pay_bill", bill(7, 40)).await;
    assert_eq!(theirs.code(), Some("idempotency_conflict"));
    assert_eq!(theirs.structured["executed"], false);
    assert!(!theirs.structured.to_string().contains("alice"), "{theirs:?}");
    let more = bank.call("alice", "pay_bill", bill(7, 41)).await;
    assert_eq!(more.code(), Some("idempotency_conflict"), "other arguments are no repetition");
    assert_eq!(bank.effects.all().len(), 1);
}

#[tokio::test]
async fn another_tenant_has_keys_of_its_own() {
    let bank = bank().await;
    assert!(note(&bank, "alice", "hello", "k1").await.ok);
    let theirs = note(&bank, "dave", "hello", "k1").await;
    assert!(theirs.ok && !theirs.replayed, "{theirs:?}");
    assert_eq!(bank.effects.all().len(), 2);
}

#[tokio::test]
async fn a_hundred_calls_at_once_pay_once_and_all_hear_of_it() {
    let bank = bank().await;
    let calls = (0..100).map(|_| bank.call("alice", "pay_bill", bill(7, 40)));
    let replies = futures_util::future::join_all(calls).await;
    assert_eq!(bank.effects.all().len(), 1);
    for reply in &replies {
        assert!(reply.ok || reply.code() == Some("in_progress"), "{reply:?}");
    }
    assert_eq!(replies.iter().filter(|r| r.ok && !r.replayed).count(), 1);
    let waiting = replies.iter().find(|r| r.code() == Some("in_progress"));
    assert!(waiting.is_none_or(|r| r.structured["retry_after_ms"].as_u64() > Some(0)));
}

#[tokio::test]
async fn a_call_that_was_refused_or_had_no_effect_holds_no_key() {
    let bank = bank().await;
    bank.weather.calm.store(true, Ordering::Relaxed);
    let closed = bank.call("alice", "pay_bill", bill(7, 40)).await;
    assert_eq!(closed.structured["executed"], false, "{closed:?}");
    assert_eq!(bank.call("rita", "pay_bill", bill(7, 40)).await.code(), Some("unknown"));
    bank.weather.calm.store(false, Ordering::Relaxed);
    let paid = bank.call("bob", "pay_bill", bill(7, 50)).await;
    assert!(paid.ok && !paid.replayed, "whoever comes next may use the key: {paid:?}");
}

#[tokio::test]
async fn a_call_whose_end_nobody_knows_keeps_its_key_until_a_person_resolves_it() {
    let bank = bank().await;
    *bank.weather.storm.lock().unwrap() = Some("fail");
    let lost = bank.call("alice", "pay_bill", bill(7, 40)).await;
    assert_eq!(lost.structured["executed"], "unknown", "{lost:?}");
    *bank.weather.storm.lock().unwrap() = None;
    for _ in 0..2 {
        let again = bank.call("alice", "pay_bill", bill(7, 40)).await;
        assert_eq!(again.code(), Some("in_doubt"), "{again:?}");
    }
    assert_eq!(
        bank.call("bob", "pay_bill", bill(7, 40)).await.code(),
        Some("idempotency_conflict")
    );
    assert_eq!(bank.effects.all().len(), 1);
}

#[tokio::test]
async fn only_a_tool_that_is_declared_idempotent_is_run_again_after_a_doubt() {
    let bank = bank().await;
    *bank.weather.storm.lock().unwrap() = Some("fail");
    assert_eq!(
        bank.call("alice", "set_mark", json!({"mark": 1})).await.structured["executed"],
        "unknown"
    );
    *bank.weather.storm.lock().unwrap() = None;
    let again = bank.call("alice", "set_mark", json!({"mark": 1})).await;
    assert!(again.ok && !again.replayed, "{again:?}");
    assert_eq!(bank.effects.all(), ["marked 1", "marked 1"]);
    assert!(bank.call("alice", "set_mark", json!({"mark": 1})).await.replayed);
}

#[tokio::test]
async fn what_ran_and_broke_its_promise_is_not_run_again() {
    let bank = bank().await;
    let first = bank.call("alice", "ramble", json!({})).await;
    let again = bank.call("alice", "ramble", json!({})).await;
    for reply in [&first, &again] {
        assert_eq!(
            (reply.code(), &reply.structured["executed"]),
            (Some("output_refused"), &json!(true))
        );
    }
    assert_eq!(bank.effects.all().len(), 1);
}

#[tokio::test]
async fn without_declared_inputs_the_clients_key_counts_and_else_all_arguments() {
    let bank = bank().await;
    let first = note(&bank, "alice", "hello", "k1").await;
    assert!(note(&bank, "alice", "hello", "k1").await.replayed);
    let second = note(&bank, "alice", "hello", "k2").await;
    assert!(second.ok && !second.replayed, "{second:?}");
    assert_eq!(note(&bank, "alice", "other", "k1").await.code(), Some("idempotency_conflict"));
    let bare = bank.call("alice", "leave_note", json!({"text": "hello"})).await;
    assert!(bare.ok && !bare.replayed);
    assert!(bank.call("alice", "leave_note", json!({"text": "hello"})).await.replayed);
    assert_ne!(first.structured, bare.structured);
    assert!(
        !note(&bank, "bob", "hello", "k1").await.replayed,
        "a client's key is the account's own"
    );
}

#[tokio::test]
async fn a_key_that_would_do_nothing_is_refused() {
    let bank = bank().await;
    let client = bank.client("alice");
    let declared = client.call_with_meta("pay_bill", bill(7, 40), wish("k1")).await;
    assert_eq!(declared.code(), Some("invalid_arguments"));
    assert!(declared.structured.to_string().contains("`account`, `bill`"), "{declared:?}");
    let misspelt = [("mcp-secure/idempotencykey".to_owned(), json!("k1"))].into_iter().collect();
    let misspelt = client.call_with_meta("leave_note", json!({"text": "a"}), misspelt).await;
    assert_eq!(misspelt.code(), Some("invalid_arguments"));
    for odd in [json!(""), json!(7), json!("x".repeat(256)), Value::Null] {
        let meta = [("mcp-secure/idempotency_key".to_owned(), odd)].into_iter().collect();
        let reply = client.call_with_meta("leave_note", json!({"text": "a"}), meta).await;
        assert_eq!(reply.code(), Some("invalid_arguments"), "{reply:?}");
    }
    assert_eq!(bank.effects.all().len(), 0);
}

#[tokio::test]
async fn two_approved_requests_for_one_key_run_once() {
    let bank = bank().await;
    let arguments = json!({"account": "acc_1", "bill": 7});
    let mut ids = Vec::new();
    for who in ["alice", "bob"] {
        let asked = bank.call(who, "pay_bill_if_approved", arguments.clone()).await;
        ids.push(asked.approval_id().unwrap().to_owned());
    }
    for id in &ids {
        bank.server.decide("carol", id, Verdict::Approve).await.unwrap();
    }
    let (alice, bob) = (bank.client("alice"), bank.client("bob"));
    let (one, two) = tokio::join!(
        alice.call("pay_bill_if_approved", arguments.clone()),
        bob.call("pay_bill_if_approved", arguments.clone()),
    );
    assert_eq!(bank.effects.all().len(), 1, "{one:?} {two:?}");
    assert!(one.ok != two.ok);
    // The key is the winner's: the loser hears that, and that nothing of theirs ran.
    let loser = if one.ok { &two } else { &one };
    assert_eq!(loser.code(), Some("idempotency_conflict"), "{loser:?}");
    assert_eq!(loser.structured["executed"], json!(false), "{loser:?}");
    tokio::time::sleep(Duration::from_millis(20)).await;
    let winner = if one.ok { "alice" } else { "bob" };
    assert!(bank.call(winner, "pay_bill_if_approved", arguments).await.replayed);
}

mod lacking {
    use super::*;

    /// A payment whose order clients know by another name.
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[allow(dead_code, reason = "only its schema matters")]
    pub(super) struct Payment {
        order_id: u32,
    }

    /// Pays an order.
    #[tool(risk = "medium", permission = "note.write", idempotency(key = [order_id]))]
    pub(super) async fn pay_renamed(#[input] _payment: Payment) {}

    /// A payment that may come without its order.
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its schema matters")]
    pub(super) struct Loose {
        #[serde(default)]
        order_id: u32,
    }

    /// Pays an order.
    #[tool(risk = "medium", permission = "note.write", idempotency(key = [order_id]))]
    pub(super) async fn pay_defaulted(#[input] _payment: Loose) {}

    /// Pays an order, or none.
    #[tool(risk = "medium", permission = "note.write", idempotency(key = [order_id]))]
    pub(super) async fn pay_optional(order_id: Option<u32>) {
        let _ = order_id;
    }

    /// Pays an order, the first where none is named.
    #[tool(risk = "medium", permission = "note.write", idempotency(key = [order_id]))]
    pub(super) async fn pay_first(#[arg(default = 1)] order_id: u32) {
        let _ = order_id;
    }
}

#[test]
fn a_key_that_calls_would_share_keeps_the_server_from_starting() {
    let check = |tools| {
        empty(&Effects::default(), &Weather::default())
            .tools(tools)
            .policies(Policies::from_str("bank", "permit (principal, action, resource);"))
            .check()
    };
    for (tools, why) in [
        (tools![lacking::pay_renamed], "is no argument"),
        (tools![lacking::pay_defaulted], "may be left out"),
        (tools![lacking::pay_optional], "may be left out"),
    ] {
        let faults = check(tools).expect_err("one key for all");
        let said = |message: &str| message.contains("`order_id`") && message.contains(why);
        assert!(faults.iter().any(|fault| said(&fault.message)), "{why}: {faults:#?}");
    }
    let faults = check(tools![lacking::pay_first]).err();
    assert!(faults.is_none(), "a default is in every key: {faults:#?}");
}
