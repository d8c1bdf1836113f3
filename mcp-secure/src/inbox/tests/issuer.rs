//! Signing in at an issuer, with one that says what a test wants it to.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::kit::{Browser, Town};
use crate::identity::tests::interactive;
use crate::identity::{Authenticated, Method};
use crate::inbox::sign_in::{Begun, Provider, ProviderError};
use crate::inbox::{Inbox, SignIn};
use crate::tool::BoxFuture;

const ISSUER: &str = "https://id.example.com";

/// Lets in whoever comes back with `code=<person>` under the state it gave out.
#[derive(Default)]
struct Issuer {
    callbacks: Mutex<Vec<String>>,
    change: Option<fn(&mut crate::identity::Principal)>,
    down: bool,
}

impl Provider for Issuer {
    fn issuer(&self) -> &str {
        ISSUER
    }

    fn begin<'a>(&'a self, callback: &'a str) -> BoxFuture<'a, Result<Begun, ProviderError>> {
        Box::pin(async move {
            if self.down {
                return Err(ProviderError::Unavailable("no route to <host>".to_owned()));
            }
            self.callbacks.lock().unwrap().push(callback.to_owned());
            let url = format!("{ISSUER}/authorize?state=s1&redirect_uri={callback}");
            Ok(Begun { url, kept: json!({"state": "s1"}) })
        })
    }

    fn finish<'a>(
        &'a self,
        query: &'a str,
        kept: Value,
    ) -> BoxFuture<'a, Result<Authenticated, ProviderError>> {
        Box::pin(async move {
            let refused =
                || ProviderError::Refused { code: "bad_state", says: "try again".to_owned() };
            let person = query.strip_prefix("state=s1&code=").ok_or_else(refused)?;
            assert_eq!(kept, json!({"state": "s1"}));
            let mut principal = interactive(ISSUER, person);
            if let Some(change) = self.change {
                change(&mut principal);
            }
            Ok(crate::identity::tests::vouched(principal))
        })
    }
}

async fn town(issuer: Issuer) -> Town {
    Town::open_by(SignIn::Issuer(Arc::new(issuer)), Inbox::new(), |_| ()).await
}

async fn begun(browser: &mut Browser, then: &str) {
    let page = browser.post("/inbox/sign-in", &[("then", then)]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.header("location").is_none(), "`form-action` would stop a redirect");
    let onward = format!("content=\"0;url={ISSUER}/authorize?state=s1&amp;redirect_uri=");
    assert!(page.body.contains(&onward), "{}", page.body);
}

/// As browsers come back from another site: without the cookies that are for this one alone.
async fn back(browser: &mut Browser, query: &str) -> super::kit::Reply {
    let mut cookies = browser.clone();
    cookies.jar.remove("mcp-secure-inbox");
    let headers = format!("{}{}Sec-Fetch-Site: cross-site\r\n", browser.host(), cookies.cookies());
    let reply = browser.raw(&format!("GET /inbox/oidc/callback?{query}"), &headers, b"").await;
    browser.keep(&reply);
    reply
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_signs_a_person_in_and_leads_them_to_where_they_were_going() {
    let town = town(Issuer::default()).await;
    let asked = town.asked(1).await;
    let at = format!("/inbox/requests/{}", asked.id);
    let mut browser = town.browser();
    let page = browser.get(&at).await;
    assert_eq!((page.status, page.field("then")), (401, Some(at.clone())));
    begun(&mut browser, &at).await;
    let sign_in = &browser.jar["mcp-secure-inbox-sign-in"];
    assert_eq!(sign_in.len(), 64);
    let done = back(&mut browser, "state=s1&code=bob").await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(done.body.contains(&format!("content=\"0;url={at}\"")), "{}", done.body);
    let cookies = done.headers("set-cookie");
    assert!(cookies.iter().any(|c| c.contains("SameSite=Strict")), "{cookies:?}");
    assert!(!browser.jar.contains_key("mcp-secure-inbox-sign-in"));
    assert_eq!(browser.decide(&asked.id, "approve", "").await.status, 303);
    let vote = town.stored(&asked.id).await.votes[0].clone();
    assert_eq!((vote.person.as_str(), vote.method), ("bob", Method::Interactive));
    assert_eq!((vote.issuer.as_str(), vote.client.as_str()), (ISSUER, "inbox"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_is_finished_once_and_by_the_browser_that_began_it() {
    let town = town(Issuer::default()).await;
    let mut other = town.browser();
    let mut browser = town.browser();
    begun(&mut browser, "").await;
    assert_eq!(back(&mut other, "state=s1&code=bob").await.status, 410, "a stolen code");
    let replayed = browser.clone();
    assert_eq!(back(&mut browser, "state=s1&code=bob").await.status, 200);
    assert_eq!(back(&mut replayed.clone(), "state=s1&code=bob").await.status, 410);
    begun(&mut browser, "").await;
    assert_eq!(back(&mut browser, "state=other&code=bob").await.status, 403);
    assert_eq!(back(&mut browser, "state=s1&code=bob").await.status, 410, "the failed one is over");
    begun(&mut browser, "").await;
    town.clock.advance_millis(10 * 60_000);
    assert_eq!(back(&mut browser, "state=s1&code=bob").await.status, 410, "too late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_led_to_another_site() {
    let town = town(Issuer::default()).await;
    for then in [
        "https://evil.example",
        "//evil.example/inbox",
        "/inbox/../mcp",
        "/inbox/requests/x",
        "javascript:alert(1)",
        "/inbox/link/0",
        "/inbox\r\nLocation: x",
    ] {
        let mut browser = town.browser();
        begun(&mut browser, then).await;
        let done = back(&mut browser, "state=s1&code=bob").await;
        assert!(done.body.contains("content=\"0;url=/inbox\""), "{then}: {}", done.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_person_or_not_of_this_issuer_is_not_let_in() {
    let changes: [fn(&mut crate::identity::Principal); 5] = [
        |p| p.person = None,
        |p| p.actors.push("agent".to_owned()),
        |p| p.issuer = "https://other.example".to_owned(),
        |p| p.method = Method::Bearer,
        |p| p.method = Method::Asserted,
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let town = town(Issuer { change: Some(change), ..Issuer::default() }).await;
        let mut browser = town.browser();
        begun(&mut browser, "").await;
        let reply = back(&mut browser, "state=s1&code=bob").await;
        assert_eq!(reply.status, 403, "{n}: {}", reply.body);
        assert!(!town.record().await.contains("\"code\":\"ok\""), "{n}");
        assert!(!browser.jar.contains_key("mcp-secure-inbox"), "{n}");
        assert_eq!(browser.get("/inbox/history").await.status, 401, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_an_issuer_signs_people_in_no_link_does_even_if_the_store_holds_one() {
    let town = town(Issuer::default()).await;
    let link = town.link("bob").await;
    let mut browser = town.browser();
    assert_eq!(browser.get(&link).await.status, 410);
    assert_eq!(browser.post(&link, &[]).await.status, 410);
    assert_eq!(browser.get("/inbox").await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_does_not_answer_is_said_in_our_words() {
    let town = town(Issuer { down: true, ..Issuer::default() }).await;
    let mut browser = town.browser();
    let reply = browser.post("/inbox/sign-in", &[("then", "/inbox")]).await;
    assert_eq!(reply.status, 503);
    assert!(!reply.body.contains("no route"), "{}", reply.body);
}
