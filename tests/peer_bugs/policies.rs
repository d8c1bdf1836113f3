//! Default deny, rules that see what they speak of, and tenants that stay apart.

use mcp_secure::prelude::*;
use serde_json::json;

use crate::app::{Fixture, POLICIES, payment};

#[tokio::test]
async fn b12_without_policies_nobody_may_do_anything() {
    let bank = Fixture::with(Policies::none()).await;
    for name in ["alice", "bob", "rita", "mallory"] {
        assert!(bank.client(name).tools().is_empty(), "{name}");
        for (tool, arguments) in [
            ("pay", payment()),
            ("read_account", json!({"account": "acc_1"})),
            ("stare", json!({})),
        ] {
            let answer = bank.call(name, tool, arguments).await;
            assert_eq!(answer.code(), Some("unknown"), "{name} {tool}");
        }
    }
    assert!(bank.effects.all().is_empty());
}

#[tokio::test]
async fn b12_a_policy_folder_that_is_not_there_keeps_the_server_from_starting() {
    let started = Fixture::built(|builder| {
        builder.tools(crate::app::tools()).policies(Policies::from_dir("/no/such/folder"))
    })
    .await;
    assert!(started.is_err_and(|faults| faults.iter().any(|f| f.message.contains("policies"))));
}

#[tokio::test]
async fn b13_a_rule_on_arguments_sees_the_arguments_and_the_resource() {
    let bank = Fixture::new().await;
    let pay = |account: &str, amount: u32| json!({"account": account, "amount": amount});
    for (arguments, code) in [
        (pay("acc_7", 501), "permission_denied"),
        (pay("acc_7", 500), "approval_required"),
        (pay("acc_8", 501), "approval_required"),
    ] {
        let answer = bank.call("alice", "pay", arguments.clone()).await;
        assert_eq!(answer.code(), Some(code), "{arguments}");
    }
}

#[tokio::test]
async fn b13_a_rule_on_an_argument_that_is_not_there_keeps_the_server_from_starting() {
    for wrong in [
        "context.args.ammount > 500",
        "context.args.amount == \"500\"",
        "context.arguments.amount > 500",
        "resource.numero == 7",
    ] {
        let policies = format!(
            "{POLICIES} forbid (principal, action == Action::\"pay\", resource) when {{ {wrong} }};"
        );
        let started = Fixture::built(|builder| {
            builder.tools(crate::app::tools()).policies(Policies::from_str("bank", policies))
        })
        .await;
        assert!(started.is_err(), "`{wrong}` was accepted");
    }
}

#[tokio::test]
async fn another_tenants_account_and_one_that_is_not_there_look_the_same_even_if_loading_panics() {
    let bank = Fixture::new().await;
    let mut answers = Vec::new();
    for (account, storm) in [
        ("acc_1001", None),
        ("acc_5000", None),
        ("acc_901", Some("fail")),
        ("acc_902", Some("panic")),
    ] {
        *bank.weather.storm.lock().unwrap() = storm;
        let mut answer = bank.call("alice", "read_account", json!({"account": account})).await;
        assert_eq!(answer.code(), Some("permission_denied"), "{account} {storm:?}");
        answer.structured["request_id"] = json!("");
        answers.push(answer);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    assert_eq!(bank.weather.reads.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_unlisted_tool_is_not_told_apart_from_one_that_does_not_exist() {
    let bank = Fixture::new().await;
    assert_eq!(bank.client("rita").tools(), ["read_account", "stare"]);
    let hidden = bank.call("rita", "pay", json!({"nonsense": 1})).await;
    let unknown = bank.call("rita", "no_such_tool", json!({"nonsense": 1})).await;
    assert_eq!(hidden, unknown);
}
