//! Signing in to the inbox at a real OpenID provider, the npm package `oidc-provider`, with a browser's redirects followed
//! by hand.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::browsing::{Browser, split};
use crate::harness::{
    Desk, Provider, Request, Response, Server, refund_arguments, refusal_code, structured,
};

impl Browser {
    /// Presses the button of the sign-in page; the address at the provider that the browser is sent to.
    fn begin(&mut self, desk: SocketAddr, then: &str) -> String {
        let page = self.post(desk, "/inbox/sign-in", &[("then", then)]);
        assert_eq!(page.status, 200, "{page:#?}");
        let (_, rest) = page.body.split_once("href=\"http").unwrap_or_else(|| panic!("{page:#?}"));
        format!("http{}", rest.split('"').next().unwrap().replace("&amp;", "&"))
    }

    /// Signs in at the provider; the address that it sends the browser back to.
    fn prove(&mut self, url: &str, account: &str) -> String {
        let (provider, mut path) = split(url, ([127, 0, 0, 1], 0).into());
        for _ in 0..10 {
            let response = self.get(provider, &path);
            let next = match response.header("location") {
                Some(next) => next.to_owned(),
                None => {
                    // The page with the form.
                    assert!(response.body.contains("name=\"login\""), "{response:#?}");
                    let form = [("prompt", "login"), ("login", account), ("password", "any")];
                    let sent = self.post(provider, &path, &form);
                    sent.header("location").unwrap_or_else(|| panic!("{sent:#?}")).to_owned()
                }
            };
            let (at, next) = split(&next, provider);
            if at != provider {
                return next;
            }
            path = next;
        }
        panic!("the provider does not send the browser back");
    }

    /// The whole way, to the answer on coming back.
    fn sign_in(&mut self, desk: SocketAddr, account: &str) -> Response {
        let url = self.begin(desk, "/inbox");
        let back = self.prove(&url, account);
        self.come(desk, &back)
    }
}

/// A request of alice's agent.
fn asked(desk: &Desk, server: &Server) -> String {
    let asked = server.ask(&desk.token("alice"), "request_refund", &refund_arguments());
    assert_eq!(refusal_code(&asked), "approval_required", "{asked:#}");
    structured(&asked)["approval_id"].as_str().unwrap().to_owned()
}

fn state(desk: &Desk, id: &str) -> Value {
    // Nobody is named on this machine's command line for it: the store says.
    let store = rusqlite::Connection::open(desk.data().join("mcp-secure.sqlite")).unwrap();
    store
        .query_row("SELECT state FROM approvals WHERE id = ?1", [id], |row| row.get::<_, String>(0))
        .unwrap()
        .into()
}

#[test]
fn a_lead_signs_in_at_the_provider_and_decides() {
    let desk = Desk::new();
    let (server, _provider) = Provider::open(&desk, "127.0.0.1");
    let id = asked(&desk, &server);
    let mut bob = Browser::default();
    assert!(!bob.is_signed_in(server.address));
    let page = bob.sign_in(server.address, "u-bob");
    assert_eq!(page.status, 200, "{page:#?}");
    assert!(page.body.contains("/inbox"), "a page of ours leads on: {page:#?}");
    assert!(bob.is_signed_in(server.address));
    // What was needed on the way is gone, and the session stays at home when another site leads here.
    assert!(bob.0.iter().all(|cookie| cookie.name != "mcp-secure-inbox-sign-in"), "{bob:#?}");
    let session = bob.0.iter().find(|cookie| cookie.name == "mcp-secure-inbox").unwrap();
    assert!(session.strict, "{session:?}");
    let decided = bob.decide(server.address, &id, "approve");
    assert!(decided.status < 400, "{decided:#?}");
    assert_eq!(state(&desk, &id), "approved");
    let paid = server.ask(&desk.token("alice"), "request_refund", &refund_arguments());
    assert_eq!(structured(&paid)["status"], json!("refunded"), "{paid:#}");
    let decisions = desk.records(&["--outcome", "decided"]);
    let who = &decisions[0]["principal"];
    assert_eq!((&who["person"], &who["subject"]), (&json!("bob"), &json!("u-bob")), "{who:#}");
    assert_eq!(
        (&who["client"], &who["method"]),
        (&json!("inbox"), &json!("interactive")),
        "{who:#}"
    );
    desk.audit_holds();
}

#[test]
fn b30_who_asked_at_one_issuer_does_not_decide_at_another() {
    let desk = Desk::new();
    let (server, _provider) = Provider::open(&desk, "127.0.0.1");
    let asked = server.ask(&desk.token("bob"), "request_refund", &refund_arguments());
    let id = structured(&asked)["approval_id"].as_str().unwrap().to_owned();
    // Bob, whose agent asked under a token of the local issuer, has two accounts at the provider.
    for account in ["u-bob", "u-bob-2"] {
        let mut browser = Browser::default();
        browser.sign_in(server.address, account);
        assert!(browser.is_signed_in(server.address));
        let refused = browser.decide(server.address, &id, "approve");
        assert!(refused.status >= 400, "{refused:#?}");
        assert_eq!(state(&desk, &id), "pending", "{account}");
    }
    // To a lead of another tenant it is not there.
    let mut erin = Browser::default();
    erin.sign_in(server.address, "u-erin");
    assert_eq!(erin.get(server.address, &format!("/inbox/requests/{id}")).status, 404);
    let mut carol = Browser::default();
    carol.sign_in(server.address, "u-carol");
    carol.decide(server.address, &id, "deny");
    assert_eq!(state(&desk, &id), "denied");
}

#[test]
fn signing_in_anew_ends_the_session_before() {
    let desk = Desk::new();
    let (server, _provider) = Provider::open(&desk, "127.0.0.1");
    let at = server.address;
    let mut bob = Browser::default();
    bob.sign_in(at, "u-bob");
    let mut before = bob.clone();
    assert!(before.is_signed_in(at));
    bob.sign_in(at, "u-bob");
    assert!(bob.is_signed_in(at));
    assert!(!before.is_signed_in(at), "the session of before is still good");
}

#[test]
fn b37_a_way_back_counts_once_and_in_the_browser_it_was_begun_in() {
    let desk = Desk::new();
    let (server, _provider) = Provider::open(&desk, "127.0.0.1");
    let at = server.address;
    let (mut bob, mut victim) = (Browser::default(), Browser::default());
    let back = {
        let url = bob.begin(at, "/inbox");
        bob.prove(&url, "u-bob")
    };
    // Somebody is led to bob's way back: with a sign-in of their own under way, and without.
    let stolen = victim.come(at, &back);
    assert!(stolen.status >= 400 && !victim.is_signed_in(at), "{stolen:#?}");
    victim.begin(at, "/inbox");
    let stolen = victim.come(at, &back);
    assert!(stolen.status >= 400 && !victim.is_signed_in(at), "{stolen:#?}");
    // Its state or its issuer are changed on the way.
    for (from, to) in [("state=", "state=x"), ("iss=", "iss=http%3A%2F%2Fevil%2F&was=")] {
        let mut other = Browser::default();
        let url = other.begin(at, "/inbox");
        let changed = other.prove(&url, "u-carol").replace(from, to);
        let refused = other.come(at, &changed);
        assert!(refused.status >= 400 && !other.is_signed_in(at), "{from}: {refused:#?}");
        assert!(!refused.body.contains("evil"), "{refused:#?}");
    }
    // Bob comes back himself, once.
    let before = bob.clone();
    assert_eq!(bob.come(at, &back).status, 200);
    assert!(bob.is_signed_in(at));
    let mut again = before;
    let replayed = again.come(at, &back);
    assert!(replayed.status >= 400 && !again.is_signed_in(at), "{replayed:#?}");
    // The way back is all used up, and who keeps at it is on record.
    let refused = desk.records(&["--outcome", "sign_in"]);
    assert!(
        refused.iter().any(|record| record["outcome"]["code"] == "sign_in_unknown"),
        "{refused:#?}"
    );
    assert!(refused.iter().any(|record| record["outcome"]["code"] == "not_begun"), "{refused:#?}");
    assert!(
        refused.iter().any(|record| record["outcome"]["code"] == "other_issuer"),
        "{refused:#?}"
    );
}

#[test]
fn b38_an_account_behind_which_nobody_is_known_does_not_come_in() {
    let desk = Desk::new();
    let (server, _provider) = Provider::open(&desk, "127.0.0.1");
    let mut robot = Browser::default();
    let refused = robot.sign_in(server.address, "u-robot");
    assert_eq!(refused.status, 403, "{refused:#?}");
    assert!(refused.body.contains("no person is known behind this account"), "{refused:#?}");
    assert!(!robot.is_signed_in(server.address));
    // Nor does an agent's token open anything here.
    let token = desk.token("bob");
    let page = Request::new("GET", "/inbox").header("authorization", &format!("Bearer {token}"));
    assert_eq!(page.send(server.address).status, 401);
    // A one-time link of a command that was not told of the provider is none here.
    let link = desk.run(&["inbox", "link", "--as", "bob"]);
    let (_, path) = split(link.succeeded().stdout.trim(), server.address);
    let mut bob = Browser::default();
    let refused = bob.post(server.address, &path, &[]);
    assert!(refused.status >= 400 && !bob.is_signed_in(server.address), "{refused:#?}");
}

#[test]
fn while_the_provider_is_down_calls_go_on_and_signing_in_says_so() {
    let desk = Desk::new();
    let (server, mut provider) = Provider::open(&desk, "127.0.0.1");
    let mut carol = Browser::default();
    let url = carol.begin(server.address, "/inbox");
    let back = carol.prove(&url, "u-carol");
    provider.stop();
    let late = carol.come(server.address, &back);
    assert_eq!(late.status, 503, "{late:#?}");
    assert!(!carol.is_signed_in(server.address));
    // What it said of itself is known for a while; its keys and codes are not.
    let id = asked(&desk, &server);
    assert_eq!(state(&desk, &id), "pending");
    drop(server);

    // A server starts while the provider is down, and says so to whoever signs in.
    let server = Server::start(|address| {
        let mut command = desk.command(&["serve", "--http", address]);
        command.env("SUPPORT_DESK_OIDC_ISSUER", &provider.issuer);
        command.env("SUPPORT_DESK_OIDC_CLIENT", "support-desk-inbox");
        command
    });
    let mut bob = Browser::default();
    let refused = bob.post(server.address, "/inbox/sign-in", &[("then", "/inbox")]);
    assert_eq!(refused.status, 503, "{refused:#?}");
    let read = json!({"customer_id": "cus_1001"});
    let read = server.ask(&desk.token("alice"), "get_account_health_summary", &read);
    assert_eq!(structured(&read)["health"], json!("good"));
}
