//! Tools are plain functions: their own logic is tested by calling them. What guards them is tested from outside.

use std::collections::BTreeSet;

use mcp_secure::identity::{Method, Principal};

use super::*;
use crate::desk::{AccountBook, Database, RefundReason, RefundService};

fn alice() -> Principal {
    Principal {
        issuer: "local".to_owned(),
        subject: "alice".to_owned(),
        person: Some("alice".to_owned()),
        tenant: "acme".to_owned(),
        client: "test".to_owned(),
        actors: Vec::new(),
        roles: BTreeSet::new(),
        scopes: BTreeSet::new(),
        method: Method::Asserted,
    }
}

#[tokio::test]
async fn a_refund_gives_a_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path()).unwrap();
    let refunds = RefundService::open(&database).unwrap();
    let order = OrderId("ord_5001".to_owned());
    let call = CallContext::detached("req_1");
    let receipt = request_refund(&alice(), &call, &refunds, order, 12_000, RefundReason::Damaged)
        .await
        .unwrap();
    assert_eq!(
        serde_json::to_value(receipt).unwrap(),
        serde_json::json!({
            "refund_id": "ref_1", "order_id": "ord_5001", "amount_cents": 12_000, "status": "refunded",
        })
    );
}

#[tokio::test]
async fn a_search_asks_for_the_callers_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = AccountBook::open(&Database::open(folder.path()).unwrap()).unwrap();
    let found = search_customers(&alice(), &accounts, "Adler".to_owned(), 20).await.unwrap();
    let found = serde_json::to_value(found).unwrap();
    let ids: Vec<_> =
        found["customers"].as_array().unwrap().iter().map(|c| &c["customer_id"]).collect();
    assert_eq!(ids, ["cus_1001", "cus_1021"]);
}

#[test]
fn a_rule_of_the_desk_is_public_and_vouches_that_nothing_changed() {
    let rule = ToolError::from(DeskError::MoreThanLeft { left_cents: 7 });
    assert!(rule.public_text().unwrap().contains('7') && rule.had_no_effect());
    let inside = ToolError::from(DeskError::Lost);
    assert!(inside.public_text().is_none() && !inside.had_no_effect());
}
