//! What a requester does with their own request, and what everybody finds again later.

use serde_json::json;

use crate::forged::forge;
use crate::harness::{refund_arguments, refusal_code, structured};
use crate::stage::{Stage, page_of};

#[test]
fn who_asked_takes_it_back_and_nobody_decides_on_it_any_more() {
    let stage = Stage::open();
    let id = stage.refund();
    let (alice, bob) = (stage.signed_in("alice"), stage.signed_in("bob"));
    bob.visit(&page_of(&id));
    bob.see("Approve");
    alice.see("asked by you");
    alice.follow("request_refund");
    alice.see("Take it back");
    alice.press("Withdraw");
    alice.see("withdrawn");
    assert_eq!((alice.path(), alice.has_button("Withdraw")), (page_of(&id), false));
    // Bob has the page from before in front of him.
    bob.press("Approve");
    bob.see("Your decision does not count").see("Nothing was changed");
    let request = stage.request(&id);
    assert_eq!((&request["state"], &request["votes"]), (&json!("withdrawn"), &json!([])));
    alice.visit("/inbox");
    alice.does_not_see("ord_5001");
    alice.visit("/inbox/history");
    alice.see("ord_5001").see("withdrawn");
    assert_eq!(stage.desk.effects("refund.paid"), 0);
    stage.desk.audit_holds();
}

#[test]
fn what_is_approved_and_not_run_can_be_taken_back_too() {
    let stage = Stage::open();
    let id = stage.refund();
    stage.desk.approve(&id, "bob");
    let alice = stage.signed_in("alice");
    alice.visit(&page_of(&id));
    alice.press("Withdraw");
    alice.see("void").does_not_see("approved, not run yet");
    let answer = stage.call("alice", "request_refund", &refund_arguments());
    assert_eq!(structured(&answer)["executed"], json!(false), "{answer:#}");
    assert_eq!(stage.desk.effects("refund.paid"), 0);
}

#[test]
fn nobody_else_takes_a_request_back() {
    let stage = Stage::open();
    let id = stage.refund();
    let digest = stage.request(&id)["digest"].as_str().unwrap().to_owned();
    for name in ["bob", "mallory", "erin"] {
        let window = stage.signed_in(name);
        window.visit(&page_of(&id));
        assert!(!window.has_button("Withdraw"), "{name}");
        window.visit("/inbox");
        forge(&window, &format!("{}/withdraw", page_of(&id)), &[("digest", &digest)]);
        window.see("It was not taken back");
        assert_eq!(stage.request(&id)["state"], "pending", "{name}");
    }
    let answer = stage.call("alice", "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&answer), "approval_required");
}

#[test]
fn the_history_is_searched_and_narrowed_by_what_people_remember() {
    let stage = Stage::open();
    let denied = stage.refund();
    stage.desk.run(&["approvals", "deny", &denied, "--as", "bob", "--reason", "no"]).succeeded();
    let other = json!({"order_id": "ord_5002", "amount_cents": 4_900, "reason": "goodwill"});
    let done = stage.asked("alice", "request_refund", &other);
    stage.desk.approve(&done, "carol");
    stage.call("alice", "request_refund", &other);
    let closing =
        stage.asked("bob", "close_account", &json!({"customer_id": "cus_1004", "reason": "x"}));
    stage.desk.run(&["approvals", "withdraw", &closing, "--as", "bob"]).succeeded();
    let carol = stage.signed_in("carol");
    carol.follow("History");
    carol.see("ord_5001").see("ord_5002").see("cus_1004");
    let every = ["ord_5001", "ord_5002", "cus_1004"];
    for (sought, found) in [
        ("ord_5002", &every[1..2]),
        ("ORD_500", &every[0..2]),
        (&denied, &every[0..1]),
        ("alice", &every[0..2]),
        ("close_acc", &every[2..3]),
        ("nothing like it", &[]),
        ("%", &[]),
    ] {
        carol.visit("/inbox/history");
        carol.write("#q", sought);
        carol.press("Show");
        carol.see("Show all");
        for one in every {
            let shown = carol.text().contains(one);
            assert_eq!(shown, found.contains(&one), "{one} for `{sought}`:\n{}", carol.text());
        }
        assert_eq!(carol.script("return document.querySelector('#q').value"), sought);
    }
    carol.visit("/inbox/history");
    carol.script("document.querySelector('#state').value = 'denied'");
    carol.script("document.querySelector('#tool').value = 'request_refund'");
    carol.press("Show");
    carol.see("Show all").see("ord_5001").does_not_see("ord_5002").does_not_see("cus_1004");
    carol.follow("Show all");
    carol.see("ord_5002").see("cus_1004");
    // Alice finds her own, and nobody finds what is not for them to see.
    let alice = stage.signed_in("alice");
    alice.visit("/inbox/history");
    alice.see("ord_5001").see("ord_5002").does_not_see("cus_1004");
    for name in ["mallory", "erin"] {
        let window = stage.signed_in(name);
        for sought in ["", "ord_5001", &denied, "alice"] {
            window.visit(&format!("/inbox/history?q={sought}"));
            window.see("There is no such request").does_not_see("ord_500").does_not_see("cus_1004");
            assert!(!window.source().contains("amount_cents"), "{name}");
        }
    }
}
