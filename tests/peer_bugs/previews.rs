//! A preview says what a call would do and does nothing; people who decide see it, and what runs is what they saw.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mcp_secure::approval::{Effect, StateKind, Verdict};
use mcp_secure::clock::Clock;
use mcp_secure::prelude::*;
use mcp_secure::store::{Sqlite, Store as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::{Account, AccountId, Bank, Effects, Fixture, Weather, empty};

const POLICIES: &str = r#"
    permit (principal in Role::"clerk", action in [Action::"money.pay", Action::"note.write"], resource);
    permit (principal in Role::"lead", action in Action::"money.pay.approve", resource);
"#;

/// What a transfer did.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
struct Moved {
    moved: u32,
}

/// What a transfer would do.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
struct Preview {
    would_move: u32,
    fee: usize,
    note: String,
}

#[dry_run]
async fn preview_transfer(
    weather: &Weather,
    account: AccountId,
    amount: u32,
    note: String,
) -> Result<Preview, ToolError> {
    weather.pass().await?;
    let fee = weather.reads.load(Ordering::Relaxed);
    Ok(Preview { would_move: amount, fee, note: format!("{note} from {}\u{202e}", account.0) })
}

/// Moves money.
#[tool(
    risk = "high",
    permission = "money.pay",
    resource = Account(account),
    dry_run = preview_transfer,
    timeout = "300ms"
)]
async fn transfer(
    effects: &Effects,
    account: AccountId,
    amount: u32,
    #[arg(max_len = 40, sensitive)] note: String,
) -> Moved {
    effects.happened(format!("moved {amount} from {} with {}", account.0, note.len()));
    Moved { moved: amount }
}

/// Moves money, once a person has said yes.
#[tool(
    risk = "high",
    permission = "money.pay",
    resource = Account(account),
    dry_run = preview_transfer,
    approval,
    timeout = "300ms"
)]
async fn transfer_if_approved(
    effects: &Effects,
    account: AccountId,
    amount: u32,
    #[arg(max_len = 40, sensitive)] note: String,
) -> Moved {
    effects.happened(format!("moved {amount} from {} with {}", account.0, note.len()));
    Moved { moved: amount }
}

#[dry_run]
async fn preview_in_words(_amount: u32) -> Content {
    Content::text("would move it")
}

/// Moves money and tells of it in another way than its preview.
#[tool(risk = "medium", permission = "money.pay", dry_run = preview_in_words)]
async fn move_somewhere(effects: &Effects, amount: u32) -> Moved {
    effects.happened("moved somewhere");
    Moved { moved: amount }
}

/// The arguments of an order, in one piece.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Order {
    #[allow(dead_code, reason = "only its schema matters")]
    pieces: u32,
}

#[dry_run]
async fn preview_order(order: Order) -> Content {
    Content::text(format!("would order {}", order.pieces))
}

/// Orders pieces.
#[tool(risk = "medium", permission = "note.write", destructive = false, dry_run = preview_order)]
async fn order(effects: &Effects, #[input] order: Order) -> Content {
    effects.happened(format!("ordered {}", order.pieces));
    Content::text("ordered")
}

/// Where a payment would go.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
struct Route {
    to: String,
    cents: u32,
    urgent: bool,
    words: String,
    by_name: BTreeMap<String, u32>,
}

#[dry_run]
async fn preview_route(
    weather: &Weather,
    first: String,
    second: String,
    cents: u32,
    limit: u32,
    urgent: bool,
) -> Route {
    let reads = weather.reads.load(Ordering::Relaxed);
    let by_name =
        if reads == 9 { [(first.clone(), cents)].into_iter().collect() } else { BTreeMap::new() };
    let words = format!("pays {cents} cents, never above {limit}");
    Route { to: if reads == 1 { second } else { first }, cents, urgent, words, by_name }
}

/// Pays to one of two payees, once a person has said yes.
#[tool(risk = "high", permission = "money.pay", dry_run = preview_route, approval)]
async fn route(
    effects: &Effects,
    #[arg(max_len = 40, sensitive)] first: String,
    #[arg(max_len = 40, sensitive)] second: String,
    cents: u32,
    #[arg(sensitive)] limit: u32,
    #[arg(sensitive)] urgent: bool,
) -> Moved {
    effects.happened(format!("paid {first} or {second}, {limit}, {urgent}"));
    Moved { moved: cents }
}

async fn bank() -> Fixture {
    let set: ToolSet<Bank> = tools![
        transfer,
        transfer_if_approved,
        move_somewhere,
        order,
        route,
        crate::app::write_note
    ];
    Fixture::built(|builder| builder.tools(set).policies(Policies::from_str("bank", POLICIES)))
        .await
        .unwrap()
}

fn usual() -> Value {
    json!({"account": "acc_1", "amount": 40, "note": "hunter2"})
}

fn asking() -> Value {
    let mut arguments = usual();
    arguments["dry_run"] = json!(true);
    arguments
}

#[tokio::test]
async fn a_dry_run_tells_what_would_happen_and_never_runs_the_body() {
    let bank = bank().await;
    for _ in 0..3 {
        let preview = bank.call("alice", "transfer", asking()).await;
        assert!(preview.ok && preview.dry_run, "{preview:#?}");
        assert_eq!(preview.structured["would_move"], 40);
        // An output like any other: what hides from people is taken out.
        assert_eq!(preview.structured["note"], "hunter2 from acc_1");
    }
    let preview = bank.call("alice", "order", json!({"pieces": 3, "dry_run": true})).await;
    assert_eq!((preview.dry_run, preview.text()), (true, Some("would order 3")));
    let preview = bank.call("alice", "move_somewhere", json!({"amount": 3, "dry_run": true})).await;
    assert_eq!(
        preview.structured,
        json!({"dry_run": true}),
        "clients hold it to structured content"
    );
    assert_eq!(preview.text(), Some("would move it"));
    assert!(bank.effects.all().is_empty());

    // The same call in earnest, with the wish denied or left out.
    let mut in_earnest = usual();
    in_earnest["dry_run"] = json!(false);
    for arguments in [usual(), in_earnest] {
        let done = bank.call("alice", "transfer", arguments).await;
        assert!(done.ok && !done.dry_run, "{done:#?}");
    }
    assert!(bank.call("alice", "order", json!({"pieces": 3})).await.ok);
    assert_eq!(bank.effects.all().len(), 3);
}

#[tokio::test]
async fn a_misspelt_or_misplaced_wish_never_runs_for_real() {
    let bank = bank().await;
    for (key, wish) in [
        ("dryrun", json!(true)),
        ("dry-run", json!(true)),
        ("DRY_RUN", json!(true)),
        ("dry_run ", json!(true)),
        ("dry_run", json!("true")),
        ("dry_run", json!(1)),
        ("dry_run", json!(null)),
        ("dry_run", json!([true])),
    ] {
        let mut arguments = usual();
        arguments[key] = wish.clone();
        let answer = bank.call("alice", "transfer", arguments).await;
        assert_eq!(answer.code(), Some("invalid_arguments"), "{key} {wish}: {answer:#?}");
    }
    for wish in [true, false] {
        let arguments = json!({"account": "acc_1", "text": "x", "dry_run": wish});
        let answer = bank.call("alice", "write_note", arguments).await;
        assert_eq!(answer.code(), Some("invalid_arguments"), "no preview, no such input");
    }
    let meta = [("mcp-secure/dry_run".to_owned(), json!(true))].into_iter().collect();
    let answer = bank.client("alice").call_with_meta("transfer", usual(), meta).await;
    assert_eq!(answer.code(), Some("invalid_arguments"));
    assert!(bank.effects.all().is_empty());
}

#[tokio::test]
async fn a_dry_run_asks_the_policies_as_the_call_does() {
    let bank = bank().await;
    for (name, account) in [("rita", "acc_1"), ("alice", "acc_1001"), ("alice", "acc_5000")] {
        let mut arguments = asking();
        arguments["account"] = json!(account);
        let answer = bank.call(name, "transfer", arguments).await;
        assert!(!answer.ok && !answer.structured.to_string().contains("would_move"), "{answer:#?}");
    }
}

#[tokio::test]
async fn a_preview_that_fails_panics_or_hangs_is_a_refusal_and_nobody_is_asked() {
    let bank = bank().await;
    for (storm, code) in [("panic", "tool_failed"), ("fail", "tool_failed"), ("hang", "timed_out")]
    {
        *bank.weather.storm.lock().unwrap() = Some(storm);
        for (tool, arguments) in [("transfer", asking()), ("transfer_if_approved", usual())] {
            let began = Instant::now();
            let answer = bank.call("alice", tool, arguments).await;
            assert_eq!(answer.code(), Some(code), "{tool} {storm}: {answer:#?}");
            assert_eq!(answer.structured["executed"], json!(false));
            assert!(!answer.structured.to_string().contains("hunter2"), "{answer:#?}");
            assert!(began.elapsed() < Duration::from_secs(10));
        }
    }
    assert!(bank.server.approvals("bob").await.unwrap().is_empty());
    assert!(bank.effects.all().is_empty());
}

#[tokio::test]
async fn a_dry_run_is_recorded_as_one_and_hides_what_is_sensitive() {
    let bank = bank().await;
    bank.call("alice", "transfer", asking()).await;
    *bank.weather.storm.lock().unwrap() = Some("fail");
    bank.call("alice", "transfer", asking()).await;
    let records = bank.records().await;
    let calls: Vec<_> = records.iter().filter(|r| r["tool"] == "transfer").collect();
    let [shown, refused] = calls.as_slice() else { panic!("{calls:#?}") };
    assert_eq!(shown["event"], "dry_run");
    assert_eq!(shown["outcome"]["executed"], "false");
    assert!(shown["outcome"]["result_digest"].is_string(), "{shown:#}");
    assert_eq!(refused["event"], "refusal");
    for record in calls {
        assert_eq!(record["detail"]["dry_run"], json!(true), "{record:#}");
        assert_eq!(record["arguments"].get("dry_run"), None, "{record:#}");
        assert_eq!(record["arguments"]["amount"], 40);
    }
    assert!(!bank.everything_written().await.contains("hunter2 from"));
}

#[tokio::test]
async fn people_decide_on_what_would_happen_and_a_dry_run_touches_no_approval() {
    let bank = bank().await;
    // Asking what would happen asks nobody.
    assert!(bank.call("alice", "transfer_if_approved", asking()).await.dry_run);
    assert!(bank.server.approvals("bob").await.unwrap().is_empty());

    let asked = bank.call("alice", "transfer_if_approved", usual()).await;
    let id = asked.approval_id().expect("people are asked").to_owned();
    let shown = bank.server.approvals("bob").await.unwrap().remove(0).preview.expect("a preview");
    assert_eq!(shown["structured"]["would_move"], 40);
    assert_eq!(shown["structured"]["note"], "[masked] from acc_1");
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();

    assert!(bank.call("alice", "transfer_if_approved", asking()).await.dry_run);
    assert_eq!(bank.server.approvals("bob").await.unwrap()[0].state.kind(), StateKind::Approved);
    let done = bank.call("alice", "transfer_if_approved", usual()).await;
    assert!(done.ok && !done.dry_run, "{done:#?}");
    // And where the answer repeats, a dry run still is one.
    assert!(bank.call("alice", "transfer_if_approved", asking()).await.dry_run);
    assert_eq!(bank.effects.all().len(), 1);
}

/// Whoever sees all of a request but one short input could try that one on a digest of the whole.
#[tokio::test]
async fn b19_what_people_are_shown_says_nothing_of_what_is_masked() {
    let bank = bank().await;
    bank.call("alice", "transfer_if_approved", usual()).await;
    let shown = bank.server.approvals("bob").await.unwrap().remove(0);
    let asked = &shown.requester;
    let guess = Effect {
        issuer: &asked.issuer,
        tenant: &asked.tenant,
        subject: &asked.subject,
        tool: &shown.tool,
        contract: &shown.contract,
        resource: &shown.resource,
        arguments: &shown.exact,
    }
    .digest()
    .unwrap();
    let store =
        Sqlite::open(&bank.server.data_dir().join("mcp-secure.sqlite"), Clock::system()).unwrap();
    let kept = store.approval(&shown.id).await.unwrap().unwrap();
    assert_eq!(kept.effect, guess, "the test knows how a digest is made");
    assert_ne!(shown.effect, guess);
    assert!(!bank.everything_written().await.contains(&guess.to_hex()));
    bank.server.decide("bob", &shown.id.to_string(), Verdict::Approve).await.unwrap();
    assert!(!bank.everything_written().await.contains(&guess.to_hex()));
}

#[tokio::test]
async fn votes_are_void_once_the_call_would_do_something_else() {
    let bank = bank().await;
    let asked = bank.call("alice", "transfer_if_approved", usual()).await;
    let id = asked.approval_id().unwrap().to_owned();
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();

    // A preview that fails is no other preview: nothing runs, and the approval is kept.
    *bank.weather.storm.lock().unwrap() = Some("fail");
    let answer = bank.call("alice", "transfer_if_approved", usual()).await;
    assert_eq!(answer.code(), Some("tool_failed"));
    *bank.weather.storm.lock().unwrap() = None;

    bank.weather.reads.store(5, Ordering::Relaxed);
    let answer = bank.call("alice", "transfer_if_approved", usual()).await;
    assert_eq!(answer.code(), Some("approval_required"), "{answer:#?}");
    assert_eq!(answer.structured["executed"], json!(false));
    assert!(answer.structured["reason"].as_str().unwrap().contains("changed"), "{answer:#?}");
    assert_eq!(bank.server.approvals("bob").await.unwrap()[0].state.kind(), StateKind::Void);
    assert!(bank.effects.all().is_empty());

    // Back to what it was: the votes stay void, and people are asked anew about what it does now.
    bank.weather.reads.store(0, Ordering::Relaxed);
    let again = bank.call("alice", "transfer_if_approved", usual()).await;
    assert_eq!(again.code(), Some("approval_required"));
    let again = again.approval_id().unwrap().to_owned();
    assert_ne!(again, id);
    bank.server.decide("bob", &again, Verdict::Approve).await.unwrap();
    assert!(bank.call("alice", "transfer_if_approved", usual()).await.ok);
    assert_eq!(bank.effects.all().len(), 1);
}

fn routed(first: &str, second: &str) -> Value {
    json!({"first": first, "second": second, "cents": 40, "limit": 40, "urgent": true})
}

#[tokio::test]
async fn whoever_asks_can_not_choose_what_deciders_do_not_see() {
    let bank = bank().await;
    let asked = bank.call("alice", "route", routed("e", " ")).await;
    assert_eq!(asked.code(), Some("approval_required"), "{asked:#?}");
    let shown = bank.server.approvals("bob").await.unwrap().remove(0).preview.expect("a preview");
    let expected = json!({
        "to": "[masked]", "cents": 40, "urgent": true, "words": "pays 40 cents, never above 40", "by_name": {},
    });
    assert_eq!(shown["structured"], expected);
    assert_eq!(shown["masked"], 1, "and deciders hear how much they do not see");
}

#[tokio::test]
async fn a_change_behind_what_is_masked_is_a_change() {
    let bank = bank().await;
    let call = routed("DE89 3704", "FR76 3000");
    let asked = bank.call("alice", "route", call.clone()).await;
    let id = asked.approval_id().expect("people are asked").to_owned();
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    // To the other payee: people would be shown the very same.
    bank.weather.reads.store(1, Ordering::Relaxed);
    let answer = bank.call("alice", "route", call.clone()).await;
    assert_eq!(answer.code(), Some("approval_required"), "{answer:#?}");
    assert_eq!(bank.server.approvals("bob").await.unwrap()[0].state.kind(), StateKind::Void);
    assert!(bank.effects.all().is_empty());

    let again = bank.call("alice", "route", call.clone()).await;
    bank.server.decide("bob", again.approval_id().unwrap(), Verdict::Approve).await.unwrap();
    assert!(bank.call("alice", "route", call).await.ok, "the same world is no change");
}

#[tokio::test]
async fn nobody_is_asked_about_a_preview_with_a_secret_in_the_name_of_a_field() {
    let bank = bank().await;
    bank.weather.reads.store(9, Ordering::Relaxed);
    let answer = bank.call("alice", "route", routed("DE89 3704", "FR76 3000")).await;
    assert_eq!(answer.code(), Some("output_refused"), "{answer:#?}");
    assert!(!answer.structured.to_string().contains("DE89"), "{answer:#?}");
    assert!(bank.server.approvals("bob").await.unwrap().is_empty());
}

mod clash {
    use super::*;

    /// A form with a field of the reserved name.
    #[derive(Debug, Deserialize, JsonSchema)]
    pub(super) struct Form {
        #[allow(dead_code, reason = "only its schema matters")]
        dry_run: bool,
    }

    #[dry_run]
    pub(super) async fn preview(_form: Form) {}

    /// Hands a form in.
    #[tool(risk = "medium", permission = "note.write", destructive = false, dry_run = preview)]
    pub(super) async fn hand_in(#[input] _form: Form) {}
}

#[test]
fn a_field_of_the_reserved_name_keeps_the_server_from_starting() {
    let builder = empty(&Effects::default(), &Weather::default())
        .tools(tools![clash::hand_in])
        .policies(Policies::from_str("bank", "permit (principal, action, resource);"));
    let faults = builder.check().expect_err("two inputs of one name");
    assert!(faults.iter().any(|fault| fault.message.contains("`dry_run`")), "{faults:#?}");
}

#[test]
fn policies_can_not_name_the_reserved_input() {
    let policy = r#"permit (principal, action == Action::"transfer", resource)
        when { context.args has dry_run };"#;
    let builder = empty(&Effects::default(), &Weather::default())
        .tools(tools![transfer])
        .policies(Policies::from_str("bank", policy));
    assert!(builder.check().is_err(), "it is never there to be judged");
}
