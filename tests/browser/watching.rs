//! The list while somebody looks at it.

use crate::harness::refund_arguments;
use crate::stage::Stage;

#[test]
fn the_list_follows_what_happens_without_being_reloaded() {
    let stage = Stage::open();
    let bob = stage.signed_in("bob");
    bob.does_not_see("ord_5001");
    bob.script("window.mark = 'the same page'");
    let id = stage.refund();
    bob.see("ord_5001").see("1 new");
    stage.desk.approve(&id, "carol");
    stage.call("alice", "request_refund", &refund_arguments());
    bob.see("1 gone").does_not_see("ord_5001");
    assert_eq!(bob.script("return window.mark"), "the same page");
    assert!(bob.console().is_empty());
}

#[test]
fn without_scripts_everything_is_there_but_the_refreshing() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.window();
    bob.without_scripts();
    stage.sign_in(&bob, "bob");
    bob.see("ord_5001");
    bob.write("#q", "ord_5001");
    bob.press("Show");
    bob.follow("request_refund");
    bob.write("#approve-reason", "seen the photo");
    bob.press("Approve");
    bob.see("Your decision counts.");
    assert_eq!(stage.request(&id)["state"], "approved");
    bob.follow("History");
    bob.see("ord_5001");
    bob.press("Sign out");
    bob.see("You are signed out");
}
