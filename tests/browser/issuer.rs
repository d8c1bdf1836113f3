//! Signing in at a real OpenID provider, the npm package `oidc-provider`, in a real browser. It is called `localhost` and
//! the inbox `127.0.0.1`, so that to the browser they are two sites: cookies stay at home as they would out there.

use serde_json::json;

use crate::harness::{Desk, Provider, Server, refund_arguments, refusal_code, structured};
use crate::stage::{Turn, page_of};
use crate::window::Window;

/// A desk whose people sign in at a provider.
struct Office {
    server: Server,
    provider: Provider,
    desk: Desk,
    // Dropped last.
    _turn: Turn,
}

impl Office {
    fn open() -> Self {
        let turn = Turn::take();
        let desk = Desk::new();
        let (server, provider) = Provider::open(&desk, "localhost");
        Self { server, provider, desk, _turn: turn }
    }

    fn window(&self) -> Window {
        Window::open(&format!("http://{}", self.server.address))
    }

    /// Alice's agent asks for a refund; the id of the request.
    fn refund(&self) -> String {
        let token = self.desk.token("alice");
        let asked = self.server.ask(&token, "request_refund", &refund_arguments());
        assert_eq!(refusal_code(&asked), "approval_required", "{asked:#}");
        structured(&asked)["approval_id"].as_str().unwrap().to_owned()
    }

    /// Says who somebody is, on the provider's own page, which is open.
    #[track_caller]
    fn proves(&self, window: &Window, account: &str) {
        window.find("input[name=login]");
        let at = window.script("return location.origin");
        assert_eq!(at, self.provider.issuer.as_str());
        window.write("input[name=login]", account);
        window.write("input[name=password]", "any");
        window.script("document.querySelector('form').requestSubmit()");
    }

    /// How a request stands. Nobody is named on this machine's command line for it, so the store says.
    fn state(&self, id: &str) -> String {
        let store = rusqlite::Connection::open(self.desk.data().join("mcp-secure.sqlite")).unwrap();
        store
            .query_row("SELECT state FROM approvals WHERE id = ?1", [id], |row| row.get(0))
            .unwrap()
    }
}

#[test]
fn a_lead_signs_in_at_the_provider_is_led_to_what_they_came_for_and_decides() {
    let office = Office::open();
    let id = office.refund();
    let bob = office.window();
    bob.visit(&page_of(&id));
    bob.see("You have to sign in").see(&office.provider.issuer).does_not_see("ord_5001");
    bob.press("Sign in");
    office.proves(&bob, "u-bob");
    bob.see("bob · acme").see("ord_5001");
    assert_eq!(bob.path(), page_of(&id));
    bob.write("#approve-reason", "seen the photo");
    bob.press("Approve");
    bob.see("You approved this. Your decision counts.");
    assert_eq!(office.state(&id), "approved");
    let decisions = office.desk.records(&["--outcome", "decided"]);
    let who = &decisions[0]["principal"];
    assert_eq!((&who["person"], &who["subject"]), (&json!("bob"), &json!("u-bob")), "{who:#}");
    assert_eq!((&who["client"], &who["method"]), (&json!("inbox"), &json!("interactive")));
    // A link on a page of another site, as a chat has it, leads there too: the session's cookie stays at home until a page
    // of ours asks for it.
    bob.go(&office.provider.issuer);
    bob.script(&format!("location.href = '{}'", bob.address(&page_of(&id))));
    bob.see("ord_5001").see("bob · acme");
    bob.press("Sign out");
    bob.see("You are signed out");
    bob.visit(&page_of(&id));
    bob.see("You have to sign in").does_not_see("ord_5001");
    office.desk.audit_holds();
}

#[test]
fn b38_an_account_behind_which_nobody_is_known_does_not_get_in() {
    let office = Office::open();
    let id = office.refund();
    let robot = office.window();
    robot.visit("/inbox");
    robot.press("Sign in");
    office.proves(&robot, "u-robot");
    robot.see("no person is known behind this account");
    for path in ["/inbox", &page_of(&id)] {
        robot.visit(path);
        robot.see("You have to sign in").does_not_see("ord_5001");
    }
    assert_eq!(office.state(&id), "pending");
}

#[test]
fn a_lead_of_another_tenant_and_who_may_not_decide_see_nothing_of_it() {
    let office = Office::open();
    let id = office.refund();
    for account in ["u-erin", "u-alice"] {
        let window = office.window();
        window.visit(&page_of(&id));
        window.press("Sign in");
        office.proves(&window, account);
        window.see("There is nothing here");
        assert!(!window.source().contains("ord_5001"), "{account}");
        window.visit("/inbox");
        window.see("Sign out").does_not_see("ord_5001");
    }
    assert_eq!(office.state(&id), "pending");
}

#[test]
fn a_session_that_ended_while_a_page_was_open_leads_back_to_it_by_the_provider() {
    let office = Office::open();
    let id = office.refund();
    let bob = office.window();
    bob.visit(&page_of(&id));
    bob.press("Sign in");
    office.proves(&bob, "u-bob");
    bob.see("ord_5001");
    let store = rusqlite::Connection::open(office.desk.data().join("mcp-secure.sqlite")).unwrap();
    store.execute("UPDATE tickets SET expires = 1 WHERE kind = 'session'", ()).unwrap();
    bob.press("Approve");
    bob.see("Your session is over, so nothing was done");
    assert_eq!(office.state(&id), "pending");
    bob.press("Sign in");
    // The provider still knows bob, and asks nothing.
    bob.see("bob · acme").see("ord_5001");
    assert_eq!((bob.path(), office.state(&id).as_str()), (page_of(&id), "pending"));
    bob.press("Approve");
    bob.see("Your decision counts.");
    assert_eq!(office.state(&id), "approved");
}
