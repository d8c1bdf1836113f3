//! Two releases of one server on one store: what the older one answered is no promise of the newer one.

use mcp_secure::prelude::*;
use mcp_secure::testing::LocalServer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::{Bank, Effects, Fixture, empty};

const POLICIES: &str = r#"
    permit (principal in Role::"clerk", action in Action::"money.pay", resource);
"#;

/// One tool as three releases declare it, which differ in what they return.
macro_rules! releases {
    ($($name:ident: [$($key:tt)*] -> $receipt:ty = $value:expr;)*) => {
        $(mod $name {
            use super::*;

            /// Pays a bill, once.
            #[tool(risk = "high", permission = "money.pay", name = "pay_bill", idempotency(key = [bill]), $($key)*)]
            async fn pay_bill(effects: &Effects, bill: u32) -> $receipt {
                effects.happened(format!("paid {bill}"));
                $value
            }

            pub(super) fn tools() -> ToolSet<Bank> {
                tools![pay_bill]
            }
        })*
    };
}

releases! {
    first: [] -> Receipt = Receipt { cents: 40 };
    with_more: [] -> LongReceipt = LongReceipt { cents: 40, note: None };
    with_another: [] -> OtherReceipt = OtherReceipt { amount: String::from("0.40") };
    as_text: [] -> Content = Content::text("paid");
    with_less_room: [max_output = "8B"] -> Receipt = Receipt { cents: 4 };
}

/// What was paid.
#[derive(Debug, Serialize, Deserialize, JsonSchema, ToolOutput)]
struct Receipt {
    cents: u32,
}

/// The same with something that may be left out.
#[derive(Debug, Serialize, Deserialize, JsonSchema, ToolOutput)]
struct LongReceipt {
    cents: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// What was paid, in other words.
#[derive(Debug, Serialize, Deserialize, JsonSchema, ToolOutput)]
struct OtherReceipt {
    amount: String,
}

async fn served(bank: &Fixture, tools: ToolSet<Bank>) -> LocalServer {
    let builder = empty(&bank.effects, &bank.weather)
        .tools(tools)
        .policies(Policies::from_str("bank", POLICIES));
    LocalServer::open(builder, bank.folder.path()).await.unwrap()
}

async fn first() -> Fixture {
    let policies = Policies::from_str("bank", POLICIES);
    Fixture::built(|builder| builder.tools(first::tools()).policies(policies)).await.unwrap()
}

fn bill() -> Value {
    json!({"bill": 7})
}

#[tokio::test]
async fn an_answer_of_an_older_release_is_repeated_only_if_it_is_what_the_tool_promises_now() {
    let bank = first().await;
    let paid = bank.call("alice", "pay_bill", bill()).await;
    assert!(paid.ok && !paid.replayed, "{paid:#?}");
    for (release, tools) in
        [("another output", with_another::tools()), ("less room", with_less_room::tools())]
    {
        let newer = served(&bank, tools).await;
        let again = newer.connect("alice").unwrap().call("pay_bill", bill()).await;
        assert_eq!(again.code(), Some("idempotency_conflict"), "{release}: {again:#?}");
        assert_eq!(again.structured["executed"], json!(true), "{release}: {again:#?}");
        let reason = again.structured["reason"].as_str().unwrap();
        assert!(reason.contains("older version"), "{release}: {reason}");
        assert!(!again.structured.to_string().contains("cents"), "{release}: {again:#?}");
        newer.close().await.unwrap();
    }
    // To the older one, which still serves, nothing has changed, and nobody paid twice.
    let again = bank.call("alice", "pay_bill", bill()).await;
    assert!(again.ok && again.replayed, "{again:#?}");
    assert_eq!(again.structured, paid.structured);
    assert_eq!(bank.effects.all(), ["paid 7"]);
}

#[tokio::test]
async fn an_answer_that_still_fits_is_repeated_by_a_newer_release() {
    let bank = first().await;
    let paid = bank.call("alice", "pay_bill", bill()).await;
    for tools in [with_more::tools(), as_text::tools()] {
        let newer = served(&bank, tools).await;
        let again = newer.connect("alice").unwrap().call("pay_bill", bill()).await;
        assert!(again.ok && again.replayed, "{again:#?}");
        assert_eq!(again.structured, paid.structured);
        newer.close().await.unwrap();
    }
    assert_eq!(bank.effects.all(), ["paid 7"]);
}

#[tokio::test]
async fn an_answer_without_structured_content_is_not_repeated_where_a_schema_is_promised() {
    let policies = Policies::from_str("bank", POLICIES);
    let built = Fixture::built(|builder| builder.tools(as_text::tools()).policies(policies));
    let bank = built.await.unwrap();
    assert!(bank.call("alice", "pay_bill", bill()).await.ok);
    let newer = served(&bank, first::tools()).await;
    let again = newer.connect("alice").unwrap().call("pay_bill", bill()).await;
    assert_eq!(again.code(), Some("idempotency_conflict"), "{again:#?}");
    assert_eq!(again.structured["executed"], json!(true), "{again:#?}");
    assert_eq!(bank.effects.all(), ["paid 7"]);
}
