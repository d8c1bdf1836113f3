//! Who may decide is asked of policy at the decision, on this very request, and by a server that has its tool.

use mcp_secure::approval::{StateKind, Verdict};
use mcp_secure::pipeline::DecideRefused;
use mcp_secure::prelude::*;
use mcp_secure::testing::LocalServer;
use serde_json::{Value, json};

use crate::app::{Fixture, POLICIES, empty, payment};
use crate::tasks_over::pay_later_version;

/// The id of a request of this account's for a payment.
async fn asked(bank: &Fixture, name: &str, account: &str, amount: u32) -> String {
    let arguments = json!({"account": account, "amount": amount});
    let reply = bank.call(name, "pay", arguments).await;
    assert_eq!(reply.code(), Some("approval_required"), "{reply:#?}");
    reply.approval_id().unwrap().to_owned()
}

#[tokio::test]
async fn b13_a_rule_on_deciding_sees_the_arguments_the_resource_and_who_asked() {
    let rules = r#"
        forbid (principal, action == Action::"decide:pay", resource) when { context.args.amount > 100 };
        forbid (principal, action == Action::"decide:pay", resource) when { resource.number == 7 };
        forbid (principal, action == Action::"decide:pay", resource)
            when { principal.subject == "carol" && context.requester.subject == "bob" };
    "#;
    let bank = Fixture::with(Policies::from_str("bank", format!("{POLICIES}{rules}"))).await;
    for (requester, account, amount, decider, may) in [
        ("alice", "acc_1", 101, "bob", false),
        ("alice", "acc_7", 40, "bob", false),
        ("bob", "acc_1", 40, "carol", false),
        ("alice", "acc_1", 100, "bob", true),
        ("alice", "acc_2", 40, "carol", true),
    ] {
        let id = asked(&bank, requester, account, amount).await;
        for verdict in [Verdict::Approve, Verdict::Deny] {
            let made = bank.server.decide(decider, &id, verdict).await;
            if may {
                assert_eq!(made.unwrap().state.kind(), StateKind::Approved);
                break;
            }
            let takes = DecideRefused::NotPermitted("money.pay.approve".to_owned());
            assert_eq!(made.unwrap_err(), takes, "{requester} {account} {amount}");
            let all = bank.server.approvals("carol").await.unwrap();
            let found = all.iter().find(|request| request.id.to_string() == id).unwrap();
            assert_eq!((found.state.kind(), found.votes.len()), (StateKind::Pending, 0));
        }
    }
    let records = bank.records().await;
    let refused =
        |r: &&Value| r["event"] == "decision" && r["outcome"]["code"] == "permission_denied";
    assert!(records.iter().filter(refused).count() >= 6, "each try is on record: {records:#?}");
    assert!(bank.effects.all().is_empty());
}

#[tokio::test]
async fn b05_what_was_asked_of_another_version_of_the_tool_is_decided_where_that_one_is_served() {
    let bank = Fixture::new().await;
    let id = bank.asked().await;
    let later = r#"
        permit (principal in Role::"clerk", action == Action::"pay", resource);
        permit (principal in Role::"lead", action, resource);
    "#;
    let builder = empty(&bank.effects, &bank.weather)
        .tools(tools![pay_later_version])
        .policies(Policies::from_str("bank", later));
    let newer = LocalServer::open(builder, bank.folder.path()).await.unwrap();
    for verdict in [Verdict::Approve, Verdict::Deny] {
        let refused = newer.decide("bob", &id, verdict).await.unwrap_err();
        assert_eq!(refused, DecideRefused::Changed);
    }
    // It stands as it did, and is decided by who sees what it means.
    assert_eq!(bank.asked().await, id);
    bank.server.decide("bob", &id, Verdict::Approve).await.unwrap();
    assert!(bank.call("alice", "pay", payment()).await.ok);
    assert_eq!(bank.effects.all(), ["paid 40 from acc_1 for None"]);
}
