//! Reading a request and deciding on it, with what goes wrong on the way.

use serde_json::{Value, json};

use crate::harness::{refund_arguments, refusal_code, structured};
use crate::stage::{Stage, page_of};

fn votes(request: &Value) -> usize {
    request["votes"].as_array().unwrap().len()
}

#[test]
fn a_person_reads_a_request_and_approves_it_and_it_runs_once() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.signed_in("bob");
    bob.see("request_refund").see("ord_5001").see("high risk");
    bob.follow("request_refund");
    assert_eq!(bob.path(), page_of(&id));
    bob.see("alice").see("12000").see("damaged").see("refund.approve");
    bob.write("#approve-reason", "seen the photo");
    bob.press("Approve");
    bob.see("You approved this. Your decision counts.");
    assert_eq!(stage.desk.effects("refund.paid"), 0, "a decision runs nothing by itself");
    let done = stage.call("alice", "request_refund", &refund_arguments());
    assert_eq!(structured(&done)["status"], "refunded", "{done:#}");
    assert_eq!(stage.desk.effects("refund.paid"), 1);
    bob.visit(&page_of(&id));
    bob.see("done").see("seen the photo");
    assert!(!bob.has_button("Approve") && !bob.has_button("Deny"));
    let request = stage.request(&id);
    assert_eq!(request["votes"][0]["person"], "bob", "{request:#}");
    assert_eq!(request["votes"][0]["reason"], "seen the photo");
    stage.desk.effects_are_on_record();
    stage.desk.audit_holds();
}

#[test]
fn a_person_denies_with_a_reason_and_it_never_runs() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.signed_in("bob");
    bob.visit(&page_of(&id));
    // Without a reason the browser itself stops the form, and where it does not the server does.
    bob.press("Deny");
    assert_eq!(bob.path(), page_of(&id));
    bob.script("document.querySelector('#deny-reason').required = false");
    bob.press("Deny");
    bob.see("Say why you deny it").see("Nothing was decided");
    assert_eq!(votes(&stage.request(&id)), 0);
    bob.visit(&page_of(&id));
    bob.write("#deny-reason", "refunded last week");
    bob.press("Deny");
    bob.see("You denied this. It will not run.");
    let answer = stage.call("alice", "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&answer), "approval_denied");
    assert_eq!(stage.desk.effects("refund.paid"), 0);
    bob.visit(&page_of(&id));
    bob.see("denied").see("refunded last week");
    bob.visit("/inbox");
    bob.does_not_see("ord_5001");
    bob.visit("/inbox/history");
    bob.see("ord_5001").see("denied");
}

#[test]
fn two_people_in_two_browsers_make_a_quorum() {
    let stage = Stage::open();
    let id = stage.closing("cus_1002", "the customer asked for it");
    let bob = stage.signed_in("bob");
    let carol = stage.signed_in("carol");
    bob.visit(&page_of(&id));
    bob.see("2 different people").see("one more person is still needed");
    bob.press("Approve");
    bob.see("1 of 2 approvals are there");
    // Once is once: there is nothing to press any more, and the form from before is told so.
    bob.visit(&page_of(&id));
    bob.see("You have decided on this.");
    assert!(!bob.has_button("Approve"));
    let arguments = json!({"customer_id": "cus_1002", "reason": "the customer asked for it"});
    let waits = stage.call("alice", "close_account", &arguments);
    assert_eq!(refusal_code(&waits), "approval_required");
    carol.visit("/inbox");
    carol.see("1 of 2");
    carol.follow("close_account");
    carol.see("bob").see("approved").see("can run this call once");
    carol.press("Approve");
    carol.see("The agent can run it once");
    let done = stage.call("alice", "close_account", &arguments);
    assert_eq!(structured(&done)["status"], "closed", "{done:#}");
    assert_eq!(votes(&stage.request(&id)), 2);
}

#[test]
fn one_denial_ends_what_another_has_approved() {
    let stage = Stage::open();
    let id = stage.closing("cus_1003", "unpaid");
    let bob = stage.signed_in("bob");
    bob.visit(&page_of(&id));
    bob.press("Approve");
    bob.see("1 of 2");
    let carol = stage.signed_in("carol");
    carol.visit(&page_of(&id));
    carol.write("#deny-reason", "they have paid");
    carol.press("Deny");
    carol.see("You denied this");
    bob.visit(&format!("{}/decided", page_of(&id)));
    bob.see("carol denied it");
    assert_eq!(stage.request(&id)["state"], "denied");
}

#[test]
fn who_asked_can_read_their_request_and_not_decide_on_it() {
    let stage = Stage::open();
    // Bob is a lead and could decide on anybody else's.
    let id = stage.asked("bob", "request_refund", &refund_arguments());
    let bob = stage.signed_in("bob");
    bob.see("asked by you");
    bob.visit(&page_of(&id));
    bob.see("Somebody else has to decide").see("(you)");
    assert!(!bob.has_button("Approve") && !bob.has_button("Deny"));
    // A form for it made by hand does not count either.
    bob.script(&format!(
        "const form = document.querySelector('form.who');
         form.action = '{}/approve';
         const digest = document.createElement('input');
         digest.name = 'digest';
         digest.value = '{}';
         form.append(digest);
         form.submit();",
        page_of(&id),
        stage.request(&id)["digest"].as_str().unwrap()
    ));
    bob.see("Your decision does not count").see("Nothing was changed");
    let request = stage.request(&id);
    assert_eq!((&request["state"], votes(&request)), (&json!("pending"), 0));
}

#[test]
fn who_may_not_decide_sees_no_request_of_others() {
    let stage = Stage::open();
    let id = stage.refund();
    for name in ["mallory", "erin"] {
        let window = stage.signed_in(name);
        window.does_not_see("ord_5001");
        window.visit(&page_of(&id));
        window.does_not_see("ord_5001").does_not_see("Approve");
        assert!(!window.source().contains("12000"), "{name}");
    }
}

#[test]
fn a_double_click_on_approve_counts_once() {
    let stage = Stage::open();
    let id = stage.closing("cus_1004", "the customer asked for it");
    let bob = stage.signed_in("bob");
    bob.visit(&page_of(&id));
    bob.double_click("button.approve");
    bob.see("You approved this. Your decision counts.").see("1 of 2");
    assert_eq!(votes(&stage.request(&id)), 1);
    // And once more by the way back and its form of before.
    bob.back();
    if bob.has_button("Approve") {
        bob.press("Approve");
        bob.see("You approved this. Your decision counts.");
    }
    let request = stage.request(&id);
    assert_eq!((&request["state"], votes(&request)), (&json!("pending"), 1), "{request:#}");
}

#[test]
fn the_second_of_two_tabs_is_told_what_the_first_one_did() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.signed_in("bob");
    bob.visit(&page_of(&id));
    bob.see("Approve");
    bob.another_tab();
    bob.visit(&page_of(&id));
    bob.press("Approve");
    bob.see("Your decision counts.");
    // The first tab still shows the forms.
    bob.turn_to(0);
    bob.write("#deny-reason", "changed my mind");
    bob.press("Deny");
    bob.see("Your decision does not count").see("Nothing was changed");
    let request = stage.request(&id);
    assert_eq!((&request["state"], votes(&request)), (&json!("approved"), 1), "{request:#}");
    bob.follow("The request as it stands now");
    bob.see("approved, not run yet");
}

#[test]
fn a_request_that_runs_out_while_somebody_looks_can_not_be_approved() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.signed_in("bob");
    bob.visit(&page_of(&id));
    bob.see("Approve");
    stage.desk.let_expire(&id);
    bob.press("Approve");
    bob.see("Your decision does not count").see("Nothing was changed");
    bob.follow("The request as it stands now");
    bob.see("ran out");
    assert!(!bob.has_button("Approve"));
    let answer = stage.call("alice", "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&answer), "approval_expired");
    assert_eq!(votes(&stage.request(&id)), 0);
    assert_eq!(stage.desk.effects("refund.paid"), 0);
}

#[test]
fn a_decision_on_the_command_line_is_seen_and_not_made_twice() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.signed_in("bob");
    bob.visit(&page_of(&id));
    bob.see("Approve");
    stage.desk.approve(&id, "carol");
    bob.press("Approve");
    bob.see("Your decision does not count");
    let request = stage.request(&id);
    assert_eq!(votes(&request), 1);
    assert_eq!(request["votes"][0]["person"], "carol");
}
