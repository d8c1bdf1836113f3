use std::time::Duration;

use super::kit::{Browser, Town};
use crate::inbox::Inbox;

const MINUTE: i64 = 60_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_signs_in_once_and_looking_at_it_uses_nothing_up() {
    let town = Town::open().await;
    let link = town.link("bob").await;
    let mut browser = town.browser();
    for _ in 0..3 {
        let page = browser.get(&link).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("signs you in as bob"), "{}", page.text());
        assert!(page.header("set-cookie").is_none());
    }
    assert_eq!(browser.get("/inbox").await.status, 401);
    assert_eq!(browser.post(&link, &[]).await.status, 303);
    assert!(browser.get("/inbox").await.text().contains("bob · acme"));
    let mut other = town.browser();
    assert_eq!(other.post(&link, &[]).await.status, 410);
    assert_eq!(other.get(&link).await.status, 410);
    assert_eq!(other.get("/inbox").await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_use_a_link_at_once_one_gets_in() {
    let town = Town::open().await;
    for _ in 0..5 {
        let link = town.link("bob").await;
        let racing: Vec<_> = (0..8)
            .map(|_| {
                let (mut browser, link) = (town.browser(), link.clone());
                tokio::spawn(async move { browser.post(&link, &[]).await.status })
            })
            .collect();
        let mut got = Vec::new();
        for one in racing {
            got.push(one.await.unwrap());
        }
        got.sort_unstable();
        assert_eq!(got, [303, 410, 410, 410, 410, 410, 410, 410]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_old_or_made_up_is_worth_nothing_and_the_attempt_is_on_record() {
    let town = Town::open().await;
    let link = town.link("bob").await;
    town.clock.advance_millis(10 * MINUTE);
    let mut browser = town.browser();
    assert_eq!(browser.get(&link).await.status, 410);
    assert_eq!(browser.post(&link, &[]).await.status, 410);
    for odd in ["x", &"0".repeat(64), &"0".repeat(63), "%00", "%3Cscript%3E"] {
        let path = format!("/inbox/link/{odd}");
        assert_eq!(browser.get(&path).await.status, 410, "{odd}");
        assert_eq!(browser.post(&path, &[]).await.status, 410, "{odd}");
    }
    let record = town.record().await;
    assert_eq!(record.matches("link_unknown").count(), 6, "{record}");
    assert!(record.contains("link_made") && !record.contains(&link), "{record}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_a_person_of_the_sandbox_gets_a_link() {
    let town = Town::open().await;
    for name in ["nightly", "nobody", "", "bob "] {
        let people = super::kit::people().build().unwrap();
        let who = (&people, crate::identity::Sandbox::in_process());
        let made = crate::inbox::mint_link(&*town.opened, who, &town.settings, name).await;
        assert!(made.is_err(), "{name}");
    }
    assert_eq!(town.file().query_row("SELECT count(*) FROM tickets", [], |r| r.get(0)), Ok(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_knows_no_secret_that_opens_anything() {
    let town = Town::open().await;
    let (link, session) = (town.link("bob").await, town.session("carol").await);
    let rows = town.stored_rows();
    let secret = link.rsplit('/').next().unwrap();
    for secret in [secret, &session] {
        assert!(!rows.to_lowercase().contains(secret), "{rows}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookie_is_out_of_reach_of_scripts_and_of_other_sites() {
    let town = Town::open().await;
    let link = town.link("bob").await;
    let cookie = town.browser().post(&link, &[]).await.header("set-cookie").unwrap().to_owned();
    let (pair, rest) = cookie.split_once("; ").unwrap();
    let (name, value) = pair.split_once('=').unwrap();
    assert_eq!((name, value.len()), ("mcp-secure-inbox", 64));
    assert_eq!(rest, "Path=/inbox; Max-Age=28800; HttpOnly; SameSite=Strict");

    let town = Town::open_with(Inbox::new().url("https://desk.example.com"), |_| ()).await;
    let link = town.link("bob").await;
    let browser = town.browser();
    let headers = "Host: desk.example.com\r\nOrigin: https://desk.example.com\r\n\
        Content-Type: application/x-www-form-urlencoded\r\n";
    let reply = browser.raw(&format!("POST {link}"), headers, b"").await;
    assert_eq!(reply.status, 303, "{}", reply.body);
    let cookie = reply.header("set-cookie").unwrap();
    let (name, rest) = cookie.split_once('=').unwrap();
    assert_eq!(name, "__Host-mcp-secure-inbox");
    assert!(rest.ends_with("; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict; Secure"), "{rest}");
}

async fn is_in(browser: &Browser) -> bool {
    browser.clone().get("/inbox/history").await.status == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_after_a_rest_and_at_the_end_of_the_day_whatever_is_done() {
    let town = Town::open().await;
    let resting = town.signed_in("bob").await;
    town.clock.advance_millis(29 * MINUTE);
    assert!(is_in(&resting).await);
    town.clock.advance_millis(29 * MINUTE);
    assert!(is_in(&resting).await, "the visit in between counted");
    town.clock.advance_millis(30 * MINUTE);
    assert!(!is_in(&resting).await);

    let busy = town.signed_in("bob").await;
    for _ in 0..47 {
        town.clock.advance_millis(10 * MINUTE);
        assert!(is_in(&busy).await);
    }
    town.clock.advance_millis(10 * MINUTE - 1);
    assert!(is_in(&busy).await, "a moment before eight hours");
    town.clock.advance_millis(1);
    assert!(!is_in(&busy).await, "eight hours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_rest_is_renewed_as_well() {
    let settings = Inbox::new().idle(Duration::from_secs(60)).longest(Duration::from_secs(600));
    let town = Town::open_with(settings, |_| ()).await;
    let busy = town.signed_in("bob").await;
    for _ in 0..19 {
        town.clock.advance_millis(30_000);
        assert!(is_in(&busy).await);
    }
    town.clock.advance_millis(30_000);
    assert!(!is_in(&busy).await, "ten minutes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_refreshes_itself_keeps_nobody_signed_in() {
    let town = Town::open().await;
    let mut idle = town.signed_in("bob").await;
    for _ in 0..29 {
        town.clock.advance_millis(MINUTE);
        assert_eq!(idle.get("/inbox/pending").await.status, 200);
    }
    town.clock.advance_millis(MINUTE);
    assert_eq!(idle.get("/inbox/pending").await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_ends_the_session_and_not_only_the_cookie() {
    let town = Town::open().await;
    let mut bob = town.signed_in("bob").await;
    let kept = bob.clone();
    let token = bob.get("/inbox").await.field("token").unwrap();
    let out = bob.post("/inbox/sign-out", &[("token", &token)]).await;
    assert_eq!(out.status, 200);
    assert!(out.header("set-cookie").unwrap().starts_with("mcp-secure-inbox=; "));
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert!(!is_in(&kept).await, "who kept the cookie is still in");
    let record = town.record().await;
    assert!(record.contains("\"sign_out\"") && record.contains("\"sign_in\""), "{record}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_in_gets_a_fresh_session_and_the_one_before_is_over() {
    let town = Town::open().await;
    let mut browser = town.signed_in("bob").await;
    let before = browser.clone();
    // A secret that somebody planted is not taken over either.
    let link = town.link("carol").await;
    assert_eq!(browser.post(&link, &[]).await.status, 303);
    assert!(browser.get("/inbox").await.text().contains("carol · acme"));
    assert!(!is_in(&before).await);
    let planted = "0".repeat(64);
    let mut victim = town.browser();
    victim.jar.insert("mcp-secure-inbox".to_owned(), planted.clone());
    let link = town.link("carol").await;
    assert_eq!(victim.post(&link, &[]).await.status, 303);
    assert_ne!(victim.jar["mcp-secure-inbox"], planted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b30_an_agents_token_opens_nothing_here() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let browser = town.browser();
    let at = format!("/inbox/requests/{}", asked.id);
    let digest = asked.effect.to_hex();
    for authorization in ["Bearer token-bob", "Bearer x", "Basic Ym9iOg=="] {
        let headers = format!("{}Authorization: {authorization}\r\n", browser.host());
        assert_eq!(browser.raw(&format!("GET {at}"), &headers, b"").await.status, 401);
        let headers = format!(
            "{}{}Authorization: {authorization}\r\n",
            browser.form_headers(),
            browser.own_origin()
        );
        let body = format!("digest={digest}&token=x");
        let reply = browser.raw(&format!("POST {at}/approve"), &headers, body.as_bytes()).await;
        assert_eq!(reply.status, 401);
    }
    // Beside a session it changes nothing: the session says who decides.
    let mut bob = town.signed_in("bob").await;
    let page = bob.get(&at).await;
    let headers =
        format!("{}{}Authorization: Bearer token-carol\r\n", bob.form_headers(), bob.own_origin());
    let body = format!("digest={digest}&token={}&reason=", page.field("token").unwrap());
    let reply = bob.raw(&format!("POST {at}/approve"), &headers, body.as_bytes()).await;
    assert_eq!(reply.status, 303);
    assert_eq!(town.stored(&asked.id).await.votes[0].person, "bob");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_the_very_cookie_once() {
    let town = Town::open().await;
    let session = town.session("bob").await;
    let browser = town.browser();
    let with = |cookies: String| {
        let headers = format!("{}{cookies}", browser.host());
        let browser = browser.clone();
        async move { browser.raw("GET /inbox", &headers, b"").await.status }
    };
    assert_eq!(with(format!("Cookie: mcp-secure-inbox={session}\r\n")).await, 200);
    for cookies in [
        format!("Cookie: mcp-secure-inbox={session}; mcp-secure-inbox={session}\r\n"),
        format!(
            "Cookie: mcp-secure-inbox={session}\r\nCookie: mcp-secure-inbox={}\r\n",
            "0".repeat(64)
        ),
        format!("Cookie: mcp-secure-inbox={}\r\n", session.to_uppercase()),
        format!("Cookie: mcp-secure-inbox=\"{session}\"\r\n"),
        format!("Cookie: __Host-mcp-secure-inbox={session}\r\n"),
        format!("Cookie: mcp-secure-inbox={}\r\n", &session[1..]),
    ] {
        assert_eq!(with(cookies.clone()).await, 401, "{cookies}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_from_another_site_is_led_on_by_a_page_of_ours_and_then_asked_to_sign_in() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let at = format!("/inbox/requests/{}", asked.id);
    let browser = town.browser();
    for site in ["cross-site", "same-site"] {
        let headers = format!("{}Sec-Fetch-Site: {site}\r\n", browser.host());
        let reply = browser.raw(&format!("GET {at}?x=1"), &headers, b"").await;
        assert_eq!(reply.status, 200);
        assert!(reply.body.contains(&format!("content=\"0;url={at}?x=1\"")), "{}", reply.body);
        assert!(reply.header("location").is_none() && reply.header("set-cookie").is_none());
        assert!(!reply.body.contains("rent"));
    }
    for other in ["https://evil.example/inbox", "http://127.0.0.1/inbox"] {
        let headers =
            format!("{}Sec-Fetch-Site: cross-site\r\nReferer: {other}\r\n", browser.host());
        assert_eq!(browser.raw(&format!("GET {at}"), &headers, b"").await.status, 200, "{other}");
    }
    // From that page of ours it goes no further, whatever a browser says of where it comes from.
    let ours = format!("cross-site\r\nReferer: http://{}{at}", browser.addr);
    for site in ["same-origin", "none", &ours] {
        let headers = format!("{}Sec-Fetch-Site: {site}\r\n", browser.host());
        let reply = browser.raw(&format!("GET {at}"), &headers, b"").await;
        assert_eq!(reply.status, 401, "{site}");
        assert!(!reply.body.contains("rent") && !reply.body.contains("http-equiv"), "{site}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_proves_nothing_is_counted_and_can_not_flood_the_record() {
    let town = Town::open().await;
    let mut browser = town.browser();
    for _ in 0..200 {
        let path = format!("/inbox/link/{}", "0".repeat(64));
        assert_eq!(browser.post(&path, &[]).await.status, 410);
    }
    let recorded = town.record().await.matches("link_unknown").count();
    assert!((60..=75).contains(&recorded), "{recorded}");
}
