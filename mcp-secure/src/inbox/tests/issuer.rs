//! Signing in at an issuer, with one that says what a test wants it to.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::Method;
use serde_json::{Value, json};

use super::kit::{Browser, Town};
use crate::identity::tests::interactive;
use crate::identity::{Authenticated, Method as Proof};
use crate::inbox::sign_in::{Begun, Provider, ProviderError};
use crate::inbox::{Asked, Inbox, SignIn, Stranger};
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
    assert_eq!((vote.person.as_str(), vote.method), ("bob", Proof::Interactive));
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
        |p| p.method = Proof::Bearer,
        |p| p.method = Proof::Asserted,
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

/// A press of the button to sign in, as the door hands it on for a browser at `from`.
async fn pressed(town: &Town, from: &str) -> axum::response::Response {
    let asked = Asked {
        from: from.parse().unwrap(),
        method: Method::POST,
        path: "/inbox/sign-in".to_owned(),
        query: String::new(),
        headers: [
            ("host", town.addr.to_string()),
            ("origin", format!("http://{}", town.addr)),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect(),
        body: Bytes::from_static(b"then=/inbox"),
    };
    town.site.answer(asked).await
}

fn under_way(town: &Town) -> i64 {
    town.file().query_row("SELECT count(*) FROM tickets", [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_can_not_fill_the_store_with_sign_ins_that_nobody_ends() {
    let town = town(Issuer::default()).await;
    let mut refused = 0;
    for _ in 0..60 {
        let reply = pressed(&town, "192.0.2.1").await;
        match reply.status().as_u16() {
            200 => {}
            429 => {
                refused += 1;
                let wait = reply.headers()["retry-after"].to_str().unwrap();
                assert!(wait.parse::<u64>().unwrap() >= 1, "{wait}");
                assert!(reply.headers().get("set-cookie").is_none());
                assert_eq!(reply.headers()["cache-control"], "no-store");
                // It proved nothing, and is counted as such.
                assert_eq!(reply.extensions().get(), Some(&Stranger("sign_ins_limited")));
            }
            other => panic!("{other}"),
        }
    }
    assert!(refused >= 20, "{refused}");
    assert_eq!(under_way(&town), 60 - refused, "one that is refused keeps nothing");
    assert_eq!(pressed(&town, "192.0.2.2").await.status(), 200, "b14: one bucket for everyone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_proxy_of_this_machine_one_does_not_keep_all_others_from_signing_in() {
    let town = town(Issuer::default()).await;
    let mut last = 0;
    for _ in 0..100 {
        last = town.browser().post("/inbox/sign-in", &[]).await.status;
    }
    assert_eq!(last, 200);
    // And yet there is an end to it.
    for _ in 0..2_000 {
        last = pressed(&town, "127.0.0.1").await.status().as_u16();
    }
    assert_eq!(last, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_uses_up_nobodys_sign_ins() {
    let town = town(Issuer::default()).await;
    let browser = town.browser();
    for _ in 0..300 {
        let headers = format!("{}Sec-Fetch-Site: cross-site\r\n", browser.form_headers());
        let reply = browser.raw("POST /inbox/sign-in", &headers, b"then=").await;
        assert_eq!(reply.status, 403);
    }
    begun(&mut town.browser(), "").await;
}
