//! Sessions that are over: what a browser still holds of them opens nothing.

use serde_json::{Value, json};

use crate::harness::PATIENCE;
use crate::stage::{Stage, page_of};
use crate::window::Window;

/// The session's cookie, which is out of reach of scripts and not of whoever has the machine.
fn cookie(window: &Window) -> Value {
    let cookies = window.devtools("Network.getCookies", json!({}));
    let mut held = cookies["cookies"].as_array().unwrap().iter();
    let found = held.find(|cookie| cookie["name"] == "mcp-secure-inbox");
    found.expect("a session's cookie").clone()
}

/// Time runs out for everybody's session, as if nobody had done anything for long.
fn let_sessions_end(stage: &Stage) {
    let store = rusqlite::Connection::open(stage.desk.data().join("mcp-secure.sqlite")).unwrap();
    store.busy_timeout(PATIENCE).unwrap();
    let ended = store.execute("UPDATE tickets SET expires = 1 WHERE kind = 'session'", ());
    assert!(ended.unwrap() > 0, "there was no session");
}

#[test]
fn a_cookie_that_was_kept_opens_nothing_after_signing_out() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.signed_in("bob");
    let kept = cookie(&bob);
    assert_eq!((&kept["httpOnly"], &kept["sameSite"]), (&json!(true), &json!("Strict")), "{kept}");
    assert_eq!(bob.script("return document.cookie"), "");
    bob.press("Sign out");
    bob.see("You are signed out");
    for window in [bob, stage.window()] {
        window.visit("/inbox");
        let put = json!({"name": kept["name"], "value": kept["value"], "url": window.address("/inbox"),
            "path": kept["path"], "httpOnly": true, "sameSite": "Strict"});
        assert_eq!(window.devtools("Network.setCookie", put)["success"], true);
        assert_eq!(cookie(&window)["value"], kept["value"]);
        for path in ["/inbox", "/inbox/history", "/inbox/runs", "/inbox/switches", &page_of(&id)] {
            window.visit(path);
            window.see("You need a one-time link to sign in").does_not_see("ord_5001");
            assert!(!window.source().contains("ord_5001"), "{path}");
        }
    }
    assert_eq!(stage.request(&id)["state"], "pending");
}

#[test]
fn a_tab_whose_session_has_ended_leads_to_signing_in_and_decides_nothing() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.signed_in("bob");
    // A list that is left open says so by itself.
    bob.another_tab();
    bob.visit(&page_of(&id));
    bob.see("Approve");
    let_sessions_end(&stage);
    bob.turn_to(0);
    bob.script("document.dispatchEvent(new Event('visibilitychange'))");
    bob.see("You are signed out. Reload the page to sign in.");
    bob.turn_to(1);
    bob.write("#approve-reason", "seen the photo");
    bob.press("Approve");
    bob.see("Your session is over, so nothing was done").see("one-time link");
    bob.does_not_see("ord_5001");
    let request = stage.request(&id);
    assert_eq!((&request["state"], &request["votes"]), (&json!("pending"), &json!([])));
    // Signed in again, the form of before is nobody's; what is decided is decided on a page of the new session.
    stage.sign_in(&bob, "bob");
    bob.visit(&page_of(&id));
    bob.press("Approve");
    bob.see("Your decision counts.");
    assert_eq!(stage.request(&id)["votes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_form_of_another_session_decides_nothing() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.signed_in("bob");
    bob.visit(&page_of(&id));
    bob.see("Approve");
    // Carol signs in at the same machine; bob's page is still open.
    bob.another_tab();
    stage.sign_in(&bob, "carol");
    bob.see("carol · acme");
    bob.turn_to(0);
    bob.press("Approve");
    bob.see("This form is not valid").see("nothing was done");
    let request = stage.request(&id);
    assert_eq!((&request["state"], &request["votes"]), (&json!("pending"), &json!([])));
}
