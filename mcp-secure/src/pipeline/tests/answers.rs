//! Answers of the store that are lost, and what moves between two looks at a request.

use super::*;
use crate::approval::{Party, Vote};
use crate::pipeline::{DecideRefused, ResolveRefused};
use crate::store::{Resolution, RunId};

#[tokio::test]
async fn a_decision_whose_answer_is_lost_is_told_and_recorded_as_made_where_it_stands() {
    let town = Town::open().await;
    let id = town.asked().await;
    town.store.plan("decide", Plan::is_lost());
    let made = town.local.decide("bob", &id.to_string(), Verdict::Approve).await.unwrap();
    assert_eq!(made.state.kind(), StateKind::Approved);
    let ended = town.last("decision").await;
    assert_eq!(ended["outcome"]["code"], "decided", "{ended:#}");
    assert_eq!(ended["outcome"]["executed"], "true", "{ended:#}");
    assert_eq!(ended["approval"]["deciders"], json!(["bob"]), "{ended:#}");
}

#[tokio::test]
async fn a_decision_of_which_nobody_knows_whether_it_counts_is_told_and_recorded_so() {
    let town = Town::open().await;
    let id = town.asked().await;
    town.store.plan("decide", Plan::fails());
    let made = town.local.decide("bob", &id.to_string(), Verdict::Approve).await;
    assert_eq!(made, Err(DecideRefused::Unknown));
    assert!(made.unwrap_err().to_string().contains("not known"));
    let ended = town.last("decision").await;
    assert_eq!(ended["outcome"]["code"], "unknown", "{ended:#}");
    assert_eq!(ended["outcome"]["executed"], "unknown", "{ended:#}");
    // Nothing stands in the way of deciding again.
    town.local.decide("bob", &id.to_string(), Verdict::Deny).await.unwrap();
}

async fn in_doubt(town: &Town) -> RunId {
    town.alice().call("vanish", json!({})).await;
    let run = town.local.runs("alice").await.unwrap().remove(0);
    assert_eq!(run.state, RunState::InDoubt);
    run.run_id
}

#[tokio::test]
async fn a_resolution_whose_answer_is_lost_is_made_where_it_stands_and_else_not_known() {
    let town = Town::open().await;
    let run = in_doubt(&town).await;
    let resolve = async || town.local.resolve("bob", &run, Resolution::Done, "seen").await;
    town.store.plan("resolve_run", Plan::fails());
    assert_eq!(resolve().await, Err(ResolveRefused::Unknown));
    let ended = town.last("resolution").await;
    assert_eq!(ended["outcome"]["executed"], "unknown", "{ended:#}");
    town.store.plan("resolve_run", Plan::is_lost());
    assert_eq!(resolve().await.unwrap().state, RunState::Done);
    let ended = town.last("resolution").await;
    assert_eq!(ended["outcome"]["code"], "resolved", "{ended:#}");
    assert_eq!(ended["outcome"]["executed"], "true", "{ended:#}");
}

#[tokio::test]
async fn a_withdrawal_whose_answer_is_lost_is_made_where_it_stands_and_else_not_known() {
    let town = Town::open().await;
    let id = town.asked().await;
    town.store.plan("withdraw", Plan::fails());
    let kept = town.alice().cancel_task(&id.to_string()).await.unwrap_err();
    assert!(kept.structured["reason"].as_str().unwrap().contains("not known"), "{kept:#?}");
    let ended = town.last("approval").await;
    assert_eq!(ended["outcome"]["executed"], "unknown", "{ended:#}");
    town.store.plan("withdraw", Plan::is_lost());
    town.alice().cancel_task(&id.to_string()).await.unwrap();
    let ended = town.last("approval").await;
    assert_eq!(ended["outcome"]["code"], "withdrawn", "{ended:#}");
    assert_eq!(town.kind(&id).await, StateKind::Withdrawn);
}

/// Bob approves, in another process.
pub(super) async fn approves(store: Arc<Sqlite>, asked: Approval) {
    let mut voter = Party { subject: "bob".to_owned(), ..asked.requester.clone() };
    voter.person = Some("bob".to_owned());
    voter.client = "desk".to_owned();
    let vote = Vote { voter, verdict: Verdict::Approve, reason: None, policy: None };
    let decided = store.decide(&asked.id, asked.effect, vote).await.unwrap();
    assert!(matches!(decided, crate::store::Decided::Counted(_)), "{decided:?}");
}

#[tokio::test]
async fn a_task_that_is_cancelled_while_the_last_person_approves_never_runs() {
    let town = Town::open().await;
    let id = town.asked().await;
    let asked = town.store.approval(&id).await.unwrap().unwrap();
    let bob = approves(Arc::clone(&town.store.store), asked);
    town.store.plan("withdraw", Plan::before(bob));
    town.alice().cancel_task(&id.to_string()).await.unwrap();
    assert_eq!(town.kind(&id).await, StateKind::Void);
    let ended = town.last("approval").await;
    assert_eq!(ended["outcome"]["code"], "withdrawn", "{ended:#}");
    let over = town.alice().task(&id.to_string()).await.unwrap();
    assert!(over.reply().is_some_and(|reply| !reply.ok), "{over:?}");
    assert_eq!(town.done(), 0);
}
