//! What the record holds, what answers say, and what neither ever shows.

use mcp_secure::approval::Verdict;
use mcp_secure::prelude::*;
use serde_json::{Value, json};

use crate::app::{Effects, Fixture, payment};

fn of<'a>(records: &'a [Value], request_id: &Value) -> Vec<&'a Value> {
    records.iter().filter(|record| &record["request_id"] == request_id).collect()
}

#[tokio::test]
async fn b18_every_attempt_has_its_outcome_on_record() {
    let bank = Fixture::new().await;
    let note = json!({"account": "acc_1", "text": "hunter2"});
    assert!(bank.call("alice", "write_note", note).await.ok);
    let mut expected = Vec::new();
    for (how, executed, code) in [
        ("panic", json!("unknown"), "tool_failed"),
        ("internal", json!("unknown"), "tool_failed"),
        ("vouched", json!(false), "tool_failed"),
        ("too_large", json!(true), "output_refused"),
        ("too_slow", json!("unknown"), "timed_out"),
    ] {
        let answer = bank.call("alice", "misbehave", json!({"how": how})).await;
        assert_eq!(answer.code(), Some(code), "{how}: {answer:#?}");
        assert_eq!(answer.structured["executed"], executed, "{how}");
        expected.push((answer.structured["request_id"].clone(), how));
    }
    // The late one ends after its answer, and its end is recorded all the same.
    while !bank.effects.all().contains(&"ended late".to_owned()) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    bank.server.clone().close().await.unwrap();
    let records = crate::app::records_in(&bank.server.data_dir().join("audit"));
    for (request_id, how) in expected {
        let events: Vec<_> =
            of(&records, &request_id).iter().map(|r| r["event"].as_str().unwrap()).collect();
        assert_eq!(events, ["intent", "outcome"], "{how}");
    }
    let intents = records.iter().filter(|r| r["event"] == "intent").count();
    let outcomes = records.iter().filter(|r| r["event"] == "outcome").count();
    assert_eq!((intents, outcomes), (6, 6));
}

#[tokio::test]
async fn b18_refusals_reads_and_decisions_are_on_record_with_who_and_why() {
    let bank = Fixture::new().await;
    bank.call("mallory", "pay", payment()).await;
    bank.call("alice", "pay", json!({"account": "acc_7", "amount": 501})).await;
    bank.call("alice", "pay", json!({"amount": "x"})).await;
    bank.call("rita", "read_account", json!({"account": "acc_1"})).await;
    let id = bank.asked().await;
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    bank.call("alice", "pay", payment()).await;
    bank.call("alice", "pay", payment()).await;
    let records = bank.records().await;
    let found: Vec<_> = records
        .iter()
        .filter(|r| r["principal"].is_object() && r["outcome"].is_object())
        .map(|r| {
            let of = |value: &Value| value.as_str().unwrap_or("?").to_owned();
            format!(
                "{} {} {}",
                of(&r["event"]),
                of(&r["principal"]["subject"]),
                of(&r["outcome"]["code"])
            )
        })
        .collect();
    for expected in [
        "refusal mallory unknown_tool",
        "refusal alice permission_denied",
        "refusal alice invalid_arguments",
        "read rita ok",
        "refusal alice approval_required",
        "decision bob decided",
        "outcome alice ok",
        "outcome alice replayed",
    ] {
        assert!(found.iter().any(|f| f == expected), "`{expected}` is not among {found:#?}");
    }
    for record in records.iter().filter(|r| r["principal"].is_object()) {
        assert_eq!(record["principal"]["tenant"], json!("acme"), "{record:#}");
        assert_eq!(record["principal"]["method"], json!("asserted"), "{record:#}");
    }
}

#[tokio::test]
async fn b29_a_refusal_says_that_nothing_was_done_and_in_no_words_of_success() {
    let bank = Fixture::new().await;
    let id = bank.asked().await;
    bank.server.decide("bob", &id, Verdict::Deny).await.unwrap();
    let refusals = [
        bank.call("alice", "pay", payment()).await,
        bank.call("alice", "pay", json!({"account": "acc_1", "amount": 41})).await,
        bank.call("alice", "pay", json!({"account": "acc_7", "amount": 501})).await,
        bank.call("alice", "pay", json!({"account": "acc_5000", "amount": 1})).await,
        bank.call("alice", "pay", json!({"account": "acc_1"})).await,
        bank.call("alice", "misbehave", json!({"how": "vouched"})).await,
    ];
    for refusal in refusals {
        assert!(!refusal.ok);
        assert_eq!(refusal.structured["executed"], json!(false));
        let text = refusal.structured.to_string().to_lowercase();
        for word in ["success", "succeeded", "done", "completed", "has been", "ok"] {
            let said = text.split(|c: char| !c.is_alphanumeric()).any(|w| w == word);
            assert!(!said, "`{word}` in {text}");
        }
        for key in ["code", "reason", "request_id", "remedy"] {
            assert!(refusal.structured[key].is_string() || key == "remedy", "{key}: {refusal:#?}");
        }
    }
}

#[tokio::test]
async fn no_secret_of_arguments_errors_or_panics_reaches_the_client_and_no_argument_reaches_the_record()
 {
    let bank = Fixture::new().await;
    let note = json!({"account": "acc_1", "text": "my password is hunter2", "label": "hunter2"});
    assert!(bank.call("alice", "write_note", note).await.ok);
    for arguments in [
        json!({"account": "acc_1", "text": "hunter2", "hunter2": "hunter2"}),
        json!({"account": "hunter2", "text": 1}),
        json!("hunter2"),
    ] {
        let answer = bank.call("alice", "write_note", arguments).await;
        assert!(!answer.ok);
        let without_keys = answer.structured.to_string().replace("`hunter2`", "");
        assert!(!without_keys.contains("hunter2"), "{answer:#?}");
    }
    assert!(!bank.everything_written().await.contains("hunter2"));
    for how in ["panic", "internal"] {
        let answer = bank.call("alice", "misbehave", json!({"how": how})).await;
        assert!(!answer.structured.to_string().contains("hunter2"), "{how}: {answer:#?}");
        assert!(!answer.structured.to_string().contains("/var/lib"), "{how}: {answer:#?}");
    }
}

/// Fails, and repeats what it was told in the cause.
#[tool(risk = "medium", permission = "note.write", destructive = false)]
async fn blurt(
    _effects: &Effects,
    #[arg(sensitive, max_len = 40)] pin: String,
    #[arg(max_len = 40)] words: Vec<String>,
    number: u32,
    #[arg(default = false)] at_length: bool,
) -> Result<Content, ToolError> {
    let cause = format!("account {number} refused {pin}: \u{202e}{words:?}\u{1b}[2J\nat line 7");
    let long = if at_length { "é".repeat(1_991) + &pin + &"x".repeat(100_000) } else { cause };
    Err(ToolError::public("it failed").because(long))
}

#[tokio::test]
async fn the_cause_of_an_error_is_kept_short_and_plain_and_without_what_the_record_hides() {
    let policies = r#"permit (principal in Role::"clerk", action, resource);"#;
    let built = Fixture::built(|builder| {
        builder.tools(tools![blurt]).policies(Policies::from_str("bank", policies))
    });
    let bank = built.await.unwrap();
    let mut arguments = json!({"pin": "hunter2-pin", "words": ["hunter2", "no"], "number": 4711});
    for at_length in [false, true] {
        arguments["at_length"] = at_length.into();
        let answer = bank.call("alice", "blurt", arguments.clone()).await;
        assert_eq!(answer.code(), Some("tool_failed"), "{answer:#?}");
    }
    let records = bank.records().await;
    let causes: Vec<&str> = records
        .iter()
        .filter(|record| record["event"] == "outcome")
        .map(|record| record["outcome"]["error"].as_str().unwrap())
        .collect();
    let [short, long] = causes.as_slice() else { panic!("{causes:?}") };
    // The number is open to the record, and a text of two characters says nothing.
    assert_eq!(*short, "account 4711 refused [masked]: [\"[masked]\", \"no\"][2J\nat line 7");
    assert_eq!(long.chars().count(), 2_000);
    assert!(long.ends_with("é[masked]\u{2026}"), "{long}");
    assert!(!bank.everything_written().await.contains("hunter2"));
}

#[tokio::test]
async fn b24_unknown_arguments_are_refused_without_the_parsers_words() {
    let bank = Fixture::new().await;
    for arguments in [
        json!({"account": "acc_1", "amount": 40, "memo": "x"}),
        json!({"account": {"eq": "acc_1"}, "amount": 40}),
        json!({"account": "acc_1", "amount": "40"}),
        json!({"account": "acc_1", "amount": 40, "purpose": {"a": 1}}),
        json!({"account": "acc_1", "amount": 9_007_199_254_740_993_u64}),
        json!({"account": ["acc_1"], "amount": 40}),
    ] {
        let answer = bank.call("alice", "pay", arguments.clone()).await;
        assert_eq!(answer.code(), Some("invalid_arguments"), "{arguments}");
        let text = answer.structured.to_string();
        for words in ["serde", "expected", "line 1", "column", "u32", "invalid type"] {
            assert!(!text.contains(words), "`{words}` in {text}");
        }
    }
    assert!(bank.server.approvals("bob").await.unwrap().is_empty(), "nobody was asked");
}

#[tokio::test]
async fn b34_advertised_bounds_are_enforced_and_an_optional_argument_of_the_wrong_kind_is_a_fault()
{
    let bank = Fixture::new().await;
    let pay = |amount: Value| json!({"account": "acc_1", "amount": amount});
    let mut wrong: Vec<Value> =
        [0, -1, 1001].into_iter().map(|amount| pay(json!(amount))).collect();
    wrong.extend([pay(json!(1.5)), pay(json!(true)), pay(Value::Null)]);
    for purpose in [json!(5), json!(false), json!([]), json!({}), json!("x".repeat(41))] {
        wrong.push(json!({"account": "acc_1", "amount": 1, "purpose": purpose}));
    }
    wrong.push(json!({"account": "acc_12345", "amount": 1}));
    wrong.push(json!({"account": "acc_1\n", "amount": 1}));
    for arguments in wrong {
        let answer = bank.call("alice", "pay", arguments.clone()).await;
        assert_eq!(answer.code(), Some("invalid_arguments"), "{arguments}");
    }
    for arguments in [pay(json!(1)), pay(json!(1000))] {
        let answer = bank.call("alice", "pay", arguments.clone()).await;
        assert_eq!(answer.code(), Some("approval_required"), "{arguments}");
    }
}
