//! What was done can be taken back: in time, once, by whom policy names, through the whole pipeline. And what is in doubt
//! is resolved by a person other than the caller.

use std::sync::atomic::Ordering;

use mcp_secure::clock::{Clock, Timestamp};
use mcp_secure::pipeline::ResolveRefused;
use mcp_secure::prelude::*;
use mcp_secure::store::{Resolution, RunId, RunRecord, RunState};
use mcp_secure::testing::{LocalReply, LocalServer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::app::{
    Account, AccountId, Bank, Effects, Mischief, Weather, empty, misbehave, records_in,
};

/// What was deposited.
#[derive(Debug, Serialize, Deserialize, JsonSchema, ToolOutput)]
struct Receipt {
    account: AccountId,
    amount: u32,
}

/// Another shape than the tool's own output.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
struct Undone {
    given_back: u32,
}

#[rollback]
async fn give_back(
    caller: &Principal,
    effects: &Effects,
    weather: &Weather,
    receipt: Receipt,
) -> Result<Undone, ToolError> {
    if weather.calm.load(Ordering::Relaxed) {
        return Err(ToolError::public("the books are closed today").no_effect());
    }
    weather.pass().await?;
    effects.happened(format!("{} gave back {}", caller.subject, receipt.amount));
    Ok(Undone { given_back: receipt.amount })
}

/// Takes a deposit.
#[tool(
    risk = "high",
    permission = "money.take",
    resource = Account(account),
    timeout = "500ms",
    rollback(give_back, permission = "money.return", within = "1h")
)]
async fn deposit(
    effects: &Effects,
    account: AccountId,
    amount: u32,
    #[arg(max_len = 40, sensitive)] pin: String,
) -> Receipt {
    effects.happened(format!("took {amount} with {}", pin.len()));
    Receipt { account, amount }
}

#[rollback]
async fn take_words_back(effects: &Effects, said: Untrusted<String>) {
    effects.happened(format!("took back {}", said.into_inner()));
}

/// Says something, in words alone.
#[tool(risk = "medium", permission = "note.write", rollback(take_words_back))]
async fn speak(effects: &Effects) -> Untrusted<String> {
    effects.happened("spoke");
    Untrusted::new("hello".to_owned())
}

const POLICIES: &str = r#"
    permit (principal in Role::"clerk", action in [Action::"money.take", Action::"note.write"], resource);
    @id("leads") permit (principal in Role::"lead",
        action in [Action::"money.return", Action::"note.write.rollback"], resource);
    @id("not-from-account-7") forbid (principal, action == Action::"rollback:deposit", resource)
        when { resource.number == 7 };
    @id("own") forbid (principal, action == Action::"rollback:deposit", resource)
        when { context.args.amount > 500 && principal.subject == context.requester.subject };
    permit (principal in Role::"lead", action in Action::"note.write.resolve", resource);
"#;

struct Desk {
    effects: Effects,
    weather: Weather,
    server: LocalServer,
    clock: Clock,
    _folder: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let (effects, weather) = (Effects::default(), Weather::default());
        let folder = tempfile::tempdir().unwrap();
        let set: ToolSet<Bank> = tools![deposit, speak, misbehave];
        let builder =
            empty(&effects, &weather).tools(set).policies(Policies::from_str("bank", POLICIES));
        let clock = Clock::fixed(Timestamp::from_millis(1_800_000_000_000));
        let server =
            LocalServer::open_with(builder, folder.path(), clock.clone(), true).await.unwrap();
        Self { effects, weather, server, clock, _folder: folder }
    }

    async fn call(&self, name: &str, tool: &str, arguments: Value) -> LocalReply {
        self.server.connect(name).unwrap().call(tool, arguments).await
    }

    /// Alice makes a deposit; its run.
    async fn deposited(&self, account: &str, amount: u32) -> RunId {
        let arguments = json!({"account": account, "amount": amount, "pin": "hunter2"});
        let reply = self.call("alice", "deposit", arguments).await;
        assert!(reply.ok, "{reply:#?}");
        self.latest().await.run_id
    }

    async fn latest(&self) -> RunRecord {
        self.server.runs("carol").await.unwrap().remove(0)
    }

    async fn rollback(&self, name: &str, id: &RunId) -> LocalReply {
        self.server.rollback(name, id, "a mistake").await.unwrap()
    }

    async fn run(&self, id: &RunId) -> RunRecord {
        let runs = self.server.runs("carol").await.unwrap();
        runs.into_iter().find(|run| run.run_id == *id).unwrap()
    }

    /// What happened but for the deposits.
    fn given_back(&self) -> Vec<String> {
        self.effects.all().into_iter().filter(|what| !what.starts_with("took ")).collect()
    }

    async fn records(&self) -> Vec<Value> {
        records_in(&self.server.audit_dir().await)
    }
}

#[tokio::test]
async fn what_was_done_is_taken_back_once_and_recorded_with_who_and_why() {
    let desk = Desk::new().await;
    let id = desk.deposited("acc_1", 40).await;
    let done = desk.rollback("carol", &id).await;
    assert!(done.ok, "{done:#?}");
    assert_eq!(done.structured, json!({"given_back": 40}));
    assert_eq!(desk.given_back(), ["carol gave back 40"]);

    let undoing = desk.latest().await;
    assert_eq!(undoing.compensates.as_ref(), Some(&id));
    assert_eq!(desk.run(&id).await.rollback.unwrap().taken_by, Some(undoing.run_id));
    assert!(undoing.rollback.is_none(), "what takes back is not taken back");

    for name in ["carol", "bob"] {
        let again = desk.rollback(name, &id).await;
        assert_eq!(again.code(), Some("not_rolled_back"), "{again:#?}");
        assert_eq!(again.structured["executed"], json!(false));
    }
    assert_eq!(desk.given_back().len(), 1);

    let records = desk.records().await;
    let of: Vec<_> = records.iter().filter(|r| r["run_id"] == json!(undoing.run_id)).collect();
    assert_eq!(of.iter().map(|r| &r["event"]).collect::<Vec<_>>(), ["intent", "outcome"]);
    for record in of {
        assert_eq!(record["principal"]["subject"], "carol");
        assert_eq!(record["detail"], json!({"compensates": id, "reason": "a mistake"}));
        assert_eq!(record["resource"], "Account::\"acc_1\"", "{record:#}");
        assert_eq!(record["policy"]["ids"], json!(["leads"]));
    }
    assert!(
        records.iter().any(|r| r["event"] == "refusal" && r["detail"]["compensates"] == json!(id))
    );
}

#[tokio::test]
async fn of_many_that_take_one_run_back_one_does() {
    let desk = Desk::new().await;
    let id = desk.deposited("acc_1", 40).await;
    let racing: Vec<_> = (0..12)
        .map(|n| {
            let (server, id) = (desk.server.clone(), id);
            let name = if n % 2 == 0 { "carol" } else { "bob" };
            tokio::spawn(async move { server.rollback(name, &id, "a race").await.unwrap() })
        })
        .collect();
    let mut won = 0;
    for one in racing {
        let reply = one.await.unwrap();
        won += usize::from(reply.ok);
        assert!(reply.ok || reply.code() == Some("not_rolled_back"), "{reply:#?}");
    }
    assert_eq!((won, desk.given_back().len()), (1, 1));
}

#[tokio::test]
async fn taking_back_asks_its_own_permission_on_the_resource_as_it_is_now() {
    let desk = Desk::new().await;
    let (id, of_seven, large) = (
        desk.deposited("acc_950", 40).await,
        desk.deposited("acc_7", 40).await,
        desk.deposited("acc_1", 900).await,
    );
    // Whoever may make deposits may not give them back; a policy may look at the resource, and at who called.
    for (name, run) in [("alice", &id), ("carol", &of_seven)] {
        let refused = desk.rollback(name, run).await;
        assert_eq!(refused.code(), Some("permission_denied"), "{name}: {refused:#?}");
        assert!(refused.structured["reason"].as_str().unwrap().contains("`money.return`"));
    }
    assert!(desk.rollback("carol", &large).await.ok);
    let arguments = json!({"account": "acc_1", "amount": 900, "pin": "hunter2"});
    assert!(desk.call("bob", "deposit", arguments).await.ok);
    let own = desk.rollback("bob", &desk.latest().await.run_id).await;
    assert_eq!(own.code(), Some("permission_denied"), "{own:#?}");
    // Somebody who could not, and another tenant's, hear that there is no such run.
    for name in ["mallory", "dave"] {
        let nothing = desk.rollback(name, &id).await;
        assert!(!nothing.ok && nothing.structured.is_null(), "{name}: {nothing:#?}");
    }
    let unknown: RunId = "run_00000000000000000000000000000000".parse().unwrap();
    assert!(desk.rollback("carol", &unknown).await.structured.is_null());
    // The resource is loaded anew, and that it fails to load refuses.
    *desk.weather.storm.lock().unwrap() = Some("fail");
    assert_eq!(desk.rollback("carol", &id).await.code(), Some("permission_denied"));
    *desk.weather.storm.lock().unwrap() = None;
    assert_eq!(desk.given_back().len(), 1);
    assert!(desk.rollback("carol", &id).await.ok, "no refusal used the right up");
    let unknown_runs = desk.records().await;
    let told = |r: &&Value| r["outcome"]["code"] == "unknown_run";
    assert_eq!(unknown_runs.iter().filter(told).count(), 3, "attempts leave a trace");
}

#[tokio::test]
async fn what_is_too_old_cannot_be_taken_back() {
    let desk = Desk::new().await;
    let (first, second) = (desk.deposited("acc_1", 1).await, desk.deposited("acc_1", 2).await);
    desk.clock.advance_millis(3_599_000);
    assert!(desk.rollback("carol", &first).await.ok);
    desk.clock.advance_millis(2_000);
    let late = desk.rollback("carol", &second).await;
    assert_eq!(late.code(), Some("not_rolled_back"), "{late:#?}");
    assert_eq!(desk.given_back().len(), 1);
}

#[tokio::test]
async fn a_rollback_that_did_nothing_can_be_tried_again_and_one_in_doubt_cannot() {
    let desk = Desk::new().await;
    let id = desk.deposited("acc_1", 40).await;
    desk.weather.calm.store(true, Ordering::Relaxed);
    let nothing = desk.rollback("carol", &id).await;
    assert_eq!(nothing.structured["executed"], json!(false), "{nothing:#?}");
    desk.weather.calm.store(false, Ordering::Relaxed);
    for storm in ["hang", "panic"] {
        let id = desk.deposited("acc_1", 41).await;
        *desk.weather.storm.lock().unwrap() = Some(storm);
        let unknown = desk.rollback("carol", &id).await;
        assert_eq!(unknown.structured["executed"], json!("unknown"), "{unknown:#?}");
        *desk.weather.storm.lock().unwrap() = None;
        assert_eq!(desk.rollback("carol", &id).await.code(), Some("not_rolled_back"));
    }
    assert!(desk.rollback("carol", &id).await.ok);
    assert_eq!(desk.given_back(), ["carol gave back 40"]);
}

#[tokio::test]
async fn an_output_without_structure_reaches_its_rollback_and_one_without_a_deadline_stays() {
    let desk = Desk::new().await;
    assert!(desk.call("alice", "speak", json!({})).await.ok);
    let id = desk.latest().await.run_id;
    desk.clock.advance_millis(50 * 365 * 24 * 3600 * 1000);
    assert!(desk.rollback("carol", &id).await.ok);
    assert_eq!(desk.effects.all(), ["spoke", "took back hello"]);
}

#[tokio::test]
async fn a_doubt_is_ended_by_another_person_with_the_permission_and_a_reason() {
    let desk = Desk::new().await;
    desk.call("bob", "misbehave", json!({"how": Mischief::Panic})).await;
    let doubtful = desk.latest().await;
    assert_eq!(doubtful.state, RunState::InDoubt);
    let id = doubtful.run_id;
    let resolve = |name: &'static str, why: &'static str| {
        let desk = &desk;
        async move { desk.server.resolve(name, &id, Resolution::Done, why).await }
    };
    // Bob called it; alice may not resolve and does not even see it; dave is somebody else's lead; a robot is nobody.
    assert!(matches!(resolve("bob", "I saw it").await, Err(ResolveRefused::Person(_))));
    assert!(matches!(resolve("robot", "I saw it").await, Err(ResolveRefused::Person(_))));
    for name in ["alice", "dave", "mallory", "nobody"] {
        assert_eq!(resolve(name, "I saw it").await, Err(ResolveRefused::NotFound), "{name}");
    }
    assert_eq!(resolve("carol", "  ").await, Err(ResolveRefused::NoReason));
    assert_eq!(desk.run(&id).await.state, RunState::InDoubt);

    assert_eq!(resolve("carol", "I saw it").await.unwrap().state, RunState::Done);
    assert_eq!(resolve("carol", "again").await, Err(ResolveRefused::NotInDoubt(RunState::Done)));
    let records = desk.records().await;
    let of: Vec<_> = records
        .iter()
        .filter(|r| r["event"] == "resolution" && r["principal"]["subject"] == "carol")
        .collect();
    assert!(of.iter().all(|r| r["run_id"] == json!(id) && r["tool"] == "misbehave"), "{of:#?}");
    let of: Vec<_> = of.iter().filter(|r| r["detail"]["reason"] == "I saw it").collect();
    assert_eq!(of.len(), 2, "before it counts, and how it ended: {of:#?}");
    assert!(of[0].get("outcome").is_none() && of[1]["outcome"]["code"] == "resolved");
}

#[test]
fn a_permission_to_resolve_is_never_a_tools_own() {
    use crate::app::{Effects, Weather};

    /// Resolves notes.
    #[tool(risk = "low", permission = "note.write.resolve", destructive = false)]
    async fn resolve_notes(effects: &Effects) -> Content {
        let _ = effects;
        Content::default()
    }
    let builder = empty(&Effects::default(), &Weather::default())
        .tools(tools![misbehave, resolve_notes])
        .policies(Policies::from_str("bank", "permit (principal, action, resource);"));
    let faults = builder.check().expect_err("it could be given away");
    assert!(faults.iter().any(|f| f.message.contains("note.write.resolve")), "{faults:#?}");
}
