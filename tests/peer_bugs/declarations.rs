//! Shapes that a declaration rules out: most do not compile, which the fixtures in `tests/ui` hold; the rest do not start.

use std::collections::BTreeSet;
use std::path::PathBuf;

use mcp_secure::prelude::*;
use mcp_secure_tests::programs::workspace;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::{Account, AccountId, Bank, Effects, Fixture, POLICIES, Weather, empty, payment};

/// A declaration that does not compile, and the message with its code.
#[track_caller]
fn does_not_compile(fixture: &str, code: &str) {
    let source: PathBuf = workspace().join("tests/ui").join(fixture);
    assert!(source.is_file(), "`{}` is missing", source.display());
    let message = source.with_extension("stderr");
    let said = std::fs::read_to_string(&message)
        .unwrap_or_else(|error| panic!("`{}`: {error}", message.display()));
    assert!(said.contains(code), "`{code}` is not in `{}`:\n{said}", message.display());
}

#[test]
fn b31_a_constant_where_a_literal_belongs_does_not_compile() {
    for fixture in ["permission_by_a_constant", "risk_by_a_constant", "quorum_by_a_constant"] {
        does_not_compile(&format!("macro/literals/{fixture}.rs"), "MS0403");
    }
}

#[test]
fn b32_a_misspelt_or_unknown_key_does_not_compile() {
    for fixture in ["key", "key_of_another_framework", "control", "key_of_approval"] {
        does_not_compile(&format!("macro/misspelt/{fixture}.rs"), "MS0401");
    }
}

#[test]
fn b33_an_empty_permission_or_list_does_not_compile() {
    for fixture in ["permission", "rate_limits", "one_of", "idempotency_key", "approval"] {
        does_not_compile(&format!("macro/empty/{fixture}.rs"), "MS0404");
    }
}

#[test]
fn b34_bounds_that_could_not_be_enforced_do_not_compile() {
    does_not_compile("macro/unbounded/bounds_crossed.rs", "MS0703");
    does_not_compile("macro/unbounded/bound_of_a_number_on_a_text.rs", "MS0704");
}

#[test]
fn b36_the_attribute_on_anything_but_a_function_does_not_compile() {
    for fixture in ["struct", "module", "impl_block"] {
        does_not_compile(&format!("macro/items/{fixture}.rs"), "MS0801");
    }
}

#[test]
fn b07_a_control_that_is_misspelt_is_never_left_out() {
    does_not_compile("macro/misspelt/control.rs", "MS0401");
}

mod twice {
    use super::*;

    /// Pays in another way.
    #[tool(risk = "low", permission = "note.write", destructive = false, name = "pay")]
    pub(super) async fn tool(effects: &Effects) -> Content {
        let _ = effects;
        Content::default()
    }

    /// Tells of a payment.
    #[prompt(permission = "note.write", name = "pay")]
    pub(super) async fn prompt() -> Content {
        Content::default()
    }

    /// Tells of payments.
    #[resource(
        uri = "bank://payments",
        mime_type = "text/plain",
        permission = "note.write",
        name = "pay"
    )]
    pub(super) async fn resource() -> Content {
        Content::default()
    }
}

#[test]
fn b25_two_things_of_one_name_keep_the_server_from_starting_whatever_their_kind_and_order() {
    use crate::app::pay;
    let sets: [fn() -> ToolSet<Bank>; 5] = [
        || tools![pay, twice::tool],
        || tools![twice::tool, pay],
        || tools![pay, twice::prompt],
        || tools![twice::resource, pay],
        || tools![pay].and(tools![pay]),
    ];
    for (index, set) in sets.into_iter().enumerate() {
        let builder = empty(&Effects::default(), &Weather::default())
            .tools(set())
            .policies(Policies::from_str("bank", "permit (principal, action, resource);"));
        let faults = builder.check().expect_err("two of one name");
        assert!(
            faults.iter().any(|f| f.message.contains("declared twice")),
            "{index}: {faults:#?}"
        );
    }
}

mod pinned {
    //! One tool, and the same with one thing changed at a time.
    use super::*;

    macro_rules! variants {
        ($($name:ident: $doc:literal, $($bound:ident)? $(= $max:literal)?, $output:ty, [$($key:tt)*];)*) => {
            $(pub(super) mod $name {
                use super::super::*;
                #[doc = $doc]
                #[tool($($key)*, name = "pinned")]
                pub(crate) async fn tool(
                    effects: &Effects,
                    #[arg($($bound)? $(= $max)?)] amount: u32,
                ) -> $output {
                    let _ = (effects, amount);
                    <$output>::default()
                }
            })*
            pub(super) fn all() -> Vec<(&'static str, ToolSet<Bank>)> {
                vec![$((stringify!($name), tools![$name::tool])),*]
            }
        };
    }

    variants! {
        base: "Pays.", max = 10, One, [risk = "high", permission = "money.pay", approval];
        description: "Pays well.", max = 10, One, [risk = "high", permission = "money.pay", approval];
        bound: "Pays.", max = 11, One, [risk = "high", permission = "money.pay", approval];
        output: "Pays.", max = 10, Two, [risk = "high", permission = "money.pay", approval];
        permission: "Pays.", max = 10, One, [risk = "high", permission = "money.give", approval];
        risk: "Pays.", max = 10, One, [risk = "medium", permission = "money.pay", approval];
        annotation: "Pays.", max = 10, One, [risk = "high", permission = "money.pay", approval, idempotent];
        world: "Pays.", max = 10, One, [risk = "high", permission = "money.pay", approval, open_world = false];
        quorum: "Pays.", max = 10, One, [risk = "high", permission = "money.pay", approval(quorum = 2)];
        decider: "Pays.", max = 10, One, [risk = "high", permission = "money.pay", approval(by = "money.decide")];
        requester: "Pays.", max = 10, One, [risk = "high", permission = "money.pay", approval(allow_requester)];
        expiry: "Pays.", max = 10, One, [risk = "high", permission = "money.pay", approval(expires = "1h")];
        title: "Pays.", max = 10, One, [risk = "high", permission = "money.pay", approval, title = "Pay"];
        owner: "Pays.", max = 10, One, [risk = "high", permission = "money.pay", approval, owner = "others"];
        version: "Pays.", max = 10, One, [risk = "high", permission = "money.pay", approval, version = "2"];
        limit: "Pays.", max = 10, One, [risk = "high", permission = "money.pay", approval, timeout = "1s"];
        size: "Pays.", max = 10, One, [risk = "high", permission = "money.pay", approval, max_output = "1KiB"];
    }
}

/// What a payment gives.
#[derive(Debug, Default, Serialize, JsonSchema, ToolOutput)]
struct One {
    paid: u32,
}

/// What a payment gives, and more.
#[derive(Debug, Default, Serialize, JsonSchema, ToolOutput)]
struct Two {
    paid: u64,
}

#[test]
fn b23_the_fingerprint_covers_schemas_annotations_and_permissions_as_well_as_words() {
    let all = pinned::all();
    let count = all.len();
    let mut seen = BTreeSet::new();
    for (name, set) in all {
        let builder = empty(&Effects::default(), &Weather::default()).tools(set);
        let manifest = serde_json::to_value(builder.manifest().unwrap()).unwrap();
        let fingerprint = manifest["tools"][0]["fingerprint"].as_str().unwrap().to_owned();
        assert!(seen.insert(fingerprint), "`{name}` has the fingerprint of another");
    }
    assert_eq!(seen.len(), count);
}

/// A payment as one object, with every field renamed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Transfer {
    from_account: AccountId,
    #[serde(rename = "howMuch")]
    #[schemars(range(min = 1, max = 10))]
    amount: u32,
}

/// Moves money.
#[tool(risk = "high", permission = "money.pay", resource = Account(from_account), approval, name = "money.move")]
async fn move_money(effects: &Effects, #[input] transfer: Transfer) -> Content {
    let _ = effects;
    Content::text(format!("{} from {}", transfer.amount, transfer.from_account.0))
}

#[tokio::test]
async fn b35_a_renamed_field_keeps_its_gate_and_a_renamed_tool_its_name() {
    let policies = r#"permit (principal in Role::"clerk", action in Action::"money.pay", resource)
        unless { resource.number == 13 };"#;
    let bank = Fixture::built(|builder| {
        builder.tools(tools![move_money]).policies(Policies::from_str("bank", policies))
    })
    .await
    .unwrap();
    assert_eq!(bank.client("alice").tools(), ["money.move"]);
    assert_eq!(bank.call("alice", "move_money", json!({})).await.code(), Some("unknown"));
    for (account, amount, code) in [
        ("acc_1", 1, "approval_required"),
        ("acc_13", 1, "permission_denied"),
        ("acc_1001", 1, "permission_denied"),
        ("acc_1", 0, "invalid_arguments"),
        ("acc_1", 11, "invalid_arguments"),
    ] {
        let arguments = json!({"fromAccount": account, "howMuch": amount});
        let answer = bank.call("alice", "money.move", arguments).await;
        assert_eq!(answer.code(), Some(code), "{account} {amount}");
    }
    for names in [json!({"from_account": "acc_1", "amount": 1}), payment()] {
        let answer = bank.call("alice", "money.move", names).await;
        assert_eq!(answer.code(), Some("invalid_arguments"));
    }
}

#[tokio::test]
async fn b33_no_permission_in_common_with_any_policy_means_nothing_at_all() {
    // Roles and scopes of an empty list are no wildcard.
    let bank = Fixture::with(Policies::from_str("bank", POLICIES)).await;
    assert!(bank.client("mallory").tools().is_empty());
    assert_eq!(bank.call("mallory", "pay", payment()).await.code(), Some("unknown"));
}
