//! Getting in by a one-time link, and getting out again.

use crate::stage::{Stage, page_of};

#[test]
fn a_one_time_link_signs_its_person_in_once() {
    let stage = Stage::open();
    let link = stage.link("bob");
    let bob = stage.window();
    bob.go(&link);
    bob.see("This link signs you in as bob");
    // Looking at it, as a chat does that shows what is behind a link, uses nothing up.
    bob.go(&link);
    bob.press("Sign in as bob");
    bob.see("bob · acme").see("Sign out");
    assert_eq!(bob.path(), "/inbox");
    // Not even the browser that has used it gets in by it again.
    bob.press("Sign out");
    bob.see("You are signed out");
    bob.go(&link);
    bob.see("This link does not work").does_not_see("Sign in as bob");
    let another = stage.window();
    another.go(&link);
    another.see("This link does not work");
    assert!(bob.console().iter().chain(&another.console()).all(|line| line.contains("410")));
}

#[test]
fn who_is_not_signed_in_sees_no_request() {
    let stage = Stage::open();
    let id = stage.refund();
    let stranger = stage.window();
    for path in ["/inbox", "/inbox/history", &page_of(&id), "/inbox/pending"] {
        stranger.visit(path);
        stranger.see("one-time link").does_not_see("ord_5001").does_not_see("request_refund");
        assert!(!stranger.source().contains("ord_5001"), "{path}");
    }
}

#[test]
fn after_signing_out_the_way_back_shows_nothing() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.signed_in("bob");
    bob.visit(&page_of(&id));
    bob.see("ord_5001");
    bob.press("Sign out");
    bob.see("You are signed out");
    bob.back();
    bob.see("one-time link").does_not_see("ord_5001");
    assert!(!bob.source().contains("ord_5001"), "{}", bob.source());
    // Nor does a tab that was open all the time decide anything.
    assert_eq!(stage.request(&id)["state"], "pending");
}

#[test]
fn a_tab_that_was_left_open_decides_nothing_after_signing_out() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.signed_in("bob");
    bob.visit(&page_of(&id));
    bob.see("Approve");
    bob.another_tab();
    bob.visit("/inbox");
    bob.press("Sign out");
    bob.see("You are signed out");
    bob.turn_to(0);
    bob.press("Approve");
    bob.see("Your session is over, so nothing was done");
    let request = stage.request(&id);
    assert_eq!(
        (&request["state"], request["votes"].as_array().map(Vec::len)),
        (&"pending".into(), Some(0))
    );
}
