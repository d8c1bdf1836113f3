//! What is masked of a request: shown to whom policy gives sight, after they ask for it, and on record before.

use std::path::PathBuf;
use std::sync::OnceLock;

use mcp_secure_tests::programs::example;
use serde_json::{Value, json};

use crate::forged::forge;
use crate::harness::{Desk, refusal_code, structured};
use crate::stage::{Stage, page_of};

const IBAN: &str = "DE89370400440532013000";

/// The server of these tests, an example of this package, built if it is not up to date.
fn vault() -> PathBuf {
    static VAULT: OnceLock<PathBuf> = OnceLock::new();
    VAULT.get_or_init(|| example("vault-app")).clone()
}

/// A stage on which the vault is played, and a payment of so many cents that alice's agent has asked for.
fn payment(cents: u32) -> (Stage, String) {
    let stage = Stage::of(Desk::of(vault()));
    let answer = stage.call("alice", "pay", &json!({"cents": cents, "iban": IBAN}));
    assert_eq!(refusal_code(&answer), "approval_required", "{answer:#}");
    let id = structured(&answer)["approval_id"].as_str().unwrap().to_owned();
    (stage, id)
}

/// What is on record of somebody seeing what is masked.
fn seen(stage: &Stage) -> Vec<Value> {
    stage.desk.records(&["--outcome", "reveal"])
}

#[test]
fn what_is_masked_is_shown_to_who_may_see_it_once_they_ask_and_that_is_on_record() {
    let (stage, id) = payment(1_200);
    let carol = stage.signed_in("carol");
    carol.visit(&page_of(&id));
    carol.see("1200").see("not shown").does_not_see(IBAN);
    assert!(!carol.source().contains(IBAN));
    assert_eq!(seen(&stage), Vec::<Value>::new(), "looking at the request is no sight of it");
    carol.press("Show what is masked");
    carol.see(IBAN).see("That is on record");
    let records = seen(&stage);
    assert_eq!(records.len(), 1, "{records:#?}");
    let told = records[0].to_string();
    assert!(told.contains("carol") && told.contains(&id) && !told.contains(IBAN), "{told}");
    // The page keeps it no longer than it is looked at, and whoever sees it can decide.
    carol.visit(&page_of(&id));
    carol.see("not shown").does_not_see(IBAN);
    carol.press("Show what is masked");
    carol.see(IBAN);
    assert_eq!(seen(&stage).len(), 2, "each time it is seen");
    carol.press("Approve");
    carol.see("Your decision counts.");
    assert!(!carol.source().contains(IBAN));
    for list in ["/inbox", "/inbox/history", "/inbox/runs"] {
        carol.visit(list);
        assert!(!carol.source().contains(IBAN), "{list}");
    }
    stage.desk.audit_holds();
}

#[test]
fn what_is_masked_stays_so_for_who_may_not_see_it() {
    let (stage, id) = payment(1_200);
    let digest = stage.request(&id)["digest"].as_str().unwrap().to_owned();
    // A decider without sight, the requester, and one with sight of a request that is not theirs to decide.
    for name in ["bob", "alice", "pat"] {
        let window = stage.signed_in(name);
        window.visit(&page_of(&id));
        assert!(!window.has_button("Show what is masked"), "{name}");
        window.visit("/inbox");
        forge(&window, &format!("{}/reveal", page_of(&id)), &[("digest", &digest)]);
        window.see("It is not shown");
        assert!(!window.source().contains(IBAN), "{name}");
    }
    let shown = seen(&stage).into_iter().filter(|record| record["outcome"]["code"] == "ok");
    assert_eq!(shown.collect::<Vec<_>>(), Vec::<Value>::new());
    assert_eq!(stage.request(&id)["state"], "pending");
}

#[test]
fn sight_ends_where_policy_ends_it() {
    // Policy gives sight of small payments; whether this one is small is found out when somebody asks.
    let (stage, id) = payment(9_000);
    let carol = stage.signed_in("carol");
    carol.visit(&page_of(&id));
    carol.press("Show what is masked");
    carol.see("It is not shown").see("money.pay.reveal").does_not_see(IBAN);
    assert!(!carol.source().contains(IBAN));
    stage.desk.audit_holds();
}
