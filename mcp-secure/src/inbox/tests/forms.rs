//! Forms: only those of the visitor's own pages do anything, and reading does nothing.

use serde_json::json;

use super::kit::{Browser, Town, form};
use crate::approval::{Approval, StateKind};

async fn pending(town: &Town, asked: &Approval) -> bool {
    let now = town.stored(&asked.id).await;
    now.state.kind() == StateKind::Pending && now.votes.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_without_the_sessions_own_token_decides_nothing() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let mut bob = town.signed_in("bob").await;
    let mut carol = town.signed_in("carol").await;
    let at = format!("/inbox/requests/{}", asked.id);
    let own = bob.get(&at).await.field("token").unwrap();
    let other = carol.get(&at).await.field("token").unwrap();
    let digest = asked.effect.to_hex();
    let session = bob.jar["mcp-secure-inbox"].clone();
    let longer = format!("{own}0");
    for token in [None, Some(""), Some(&*other), Some(&own[1..]), Some(&*longer), Some(&*session)] {
        for act in ["approve", "deny", "withdraw", "reveal"] {
            let mut fields = vec![("digest", &*digest)];
            fields.extend(token.map(|token| ("token", token)));
            fields.extend((act == "deny").then_some(("reason", "x")));
            let reply = bob.post(&format!("{at}/{act}"), &fields).await;
            assert_eq!(reply.status, 403, "{act} {token:?}");
            assert!(reply.text().contains("nothing was done"));
        }
    }
    // In the address it is no token either.
    let reply = bob.post(&format!("{at}/approve?token={own}"), &[("digest", &digest)]).await;
    assert_eq!(reply.status, 403);
    assert!(pending(&town, &asked).await);
    let record = town.record().await;
    assert!(record.contains("form_token") && !record.contains("\"verdict\""), "{record}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_of_another_site_decides_nothing_whatever_it_carries() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let mut bob = town.signed_in("bob").await;
    let at = format!("/inbox/requests/{}", asked.id);
    let token = bob.get(&at).await.field("token").unwrap();
    let body = form(&[("token", &token), ("digest", &asked.effect.to_hex()), ("reason", "")]);
    let own = format!("Origin: http://{}\r\n", town.addr);
    let port = town.addr.port();
    for from in [
        "Origin: https://evil.example\r\n".to_owned(),
        "Origin: null\r\n".to_owned(),
        format!("Origin: https://{}\r\n", town.addr),
        format!("Origin: http://localhost:{port}\r\n"),
        format!("{own}{own}"),
        format!("{own}Sec-Fetch-Site: cross-site\r\n"),
        format!("{own}Sec-Fetch-Site: same-site\r\n"),
        "Sec-Fetch-Site: none\r\n".to_owned(),
        "Sec-Fetch-Site: cross-site\r\n".to_owned(),
        String::new(),
    ] {
        let headers = format!("{}{from}", bob.form_headers());
        let reply = bob.raw(&format!("POST {at}/approve"), &headers, body.as_bytes()).await;
        assert_eq!(reply.status, 403, "{from}");
    }
    assert!(pending(&town, &asked).await);
    // An older browser says one of the two; either is enough.
    let headers = format!("{}Sec-Fetch-Site: same-origin\r\n", bob.form_headers());
    let reply = bob.raw(&format!("POST {at}/approve"), &headers, body.as_bytes()).await;
    assert_eq!(reply.status, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_proxy_forms_come_from_the_address_that_people_type_and_from_no_other() {
    let settings = crate::inbox::Inbox::new().url("https://desk.example.com");
    let town = Town::open_with(settings, |_| ()).await;
    let link = town.link("bob").await;
    let browser = town.browser();
    let post = |host: &str, origin: &str| {
        let kind = "Content-Type: application/x-www-form-urlencoded";
        let headers = format!("Host: {host}\r\nOrigin: {origin}\r\n{kind}\r\n");
        let (browser, line) = (browser.clone(), format!("POST {link}"));
        async move { browser.raw(&line, &headers, b"").await.status }
    };
    let local = town.addr.to_string();
    assert_eq!(post("evil.example", "https://desk.example.com").await, 403);
    assert_eq!(post("desk.example.com", "https://evil.example").await, 403);
    assert_eq!(post("desk.example.com", "http://desk.example.com").await, 403);
    assert_eq!(post(&local, &format!("http://{local}")).await, 403);
    // A proxy may hand over its own name for this machine; where the form came from stays what it is.
    assert_eq!(post(&local, "https://desk.example.com").await, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_form_of_ours_does_nothing() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let mut bob = town.signed_in("bob").await;
    let at = format!("/inbox/requests/{}/approve", asked.id);
    let token = bob.get(&format!("/inbox/requests/{}", asked.id)).await.field("token").unwrap();
    let digest = asked.effect.to_hex();
    let good = form(&[("token", &token), ("digest", &digest), ("reason", "")]);
    let plain = format!("{}{}{}", bob.host(), bob.cookies(), bob.own_origin());
    for kind in ["text/plain", "multipart/form-data; boundary=x", "application/json", ""] {
        let headers = format!("{plain}Content-Type: {kind}\r\n");
        assert_eq!(
            bob.raw(&format!("POST {at}"), &headers, good.as_bytes()).await.status,
            415,
            "{kind}"
        );
    }
    let two = format!("{}Content-Type: text/plain\r\n{}", bob.form_headers(), bob.own_origin());
    assert_eq!(bob.raw(&format!("POST {at}"), &two, good.as_bytes()).await.status, 415);
    let headers = format!("{}{}", bob.form_headers(), bob.own_origin());
    for body in [
        format!("{good}&verdict=approve"),
        format!("{good}&reason=x"),
        format!("{good}&token={token}"),
        format!("token={token}&reason="),
        format!("{good}&x=%zz"),
        format!("{good}&x=%ff"),
    ] {
        let reply = bob.raw(&format!("POST {at}"), &headers, body.as_bytes()).await;
        assert_eq!(reply.status, 400, "{body}");
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let reply = bob.raw(&format!("{method} {at}"), &headers, good.as_bytes()).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{method}");
    }
    assert!(pending(&town, &asked).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_over_the_limit_is_not_read_and_one_that_does_not_come_is_not_waited_for() {
    let town = Town::open_with(crate::inbox::Inbox::new(), |http| {
        http.body_timeout = std::time::Duration::from_millis(200);
    })
    .await;
    let bob = town.signed_in("bob").await;
    let headers = format!("{}{}", bob.form_headers(), bob.own_origin());
    let large = "x".repeat(33 * 1024);
    let reply = bob.raw("POST /inbox/switches", &headers, large.as_bytes()).await;
    assert_eq!(reply.status, 413);
    assert!(reply.text().contains("Too large"));
    let mut stream = tokio::net::TcpStream::connect(town.addr).await.unwrap();
    let head =
        format!("POST /inbox/switches HTTP/1.1\r\nContent-Length: 50\r\n{headers}\r\ntoken=");
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_asks_too_often_is_told_to_wait() {
    let town = Town::open_with(crate::inbox::Inbox::new(), |http| {
        http.requests_per_peer = Some(crate::limit::Quota::per_second(1).burst(3));
        http.loopback_is_limited = true;
    })
    .await;
    let mut browser = town.browser();
    let mut last = None;
    for _ in 0..5 {
        last = Some(browser.get("/inbox/sign-in").await);
    }
    let last = last.unwrap();
    assert_eq!(last.status, 429);
    assert!(last.header("retry-after").is_some());
    assert_eq!(last.header("x-frame-options"), Some("DENY"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_of_its_own_serves_the_inbox_alone_and_the_other_serves_none() {
    let settings = crate::inbox::Inbox::new().listen("127.0.0.1:0".parse().unwrap());
    let town = Town::open_with(settings, |_| ()).await;
    let mut bob = town.signed_in("bob").await;
    assert_eq!(bob.get("/inbox").await.status, 200);
    assert_eq!(bob.get("/healthz").await.status, 200);
    for path in ["/mcp", "/", "/approvals/v1"] {
        assert_eq!(bob.get(path).await.status, 404, "{path}");
        assert_eq!(bob.post(path, &[]).await.status, 404, "{path}");
    }
    let mut other = Browser { addr: town.main, ..bob };
    for path in ["/inbox", "/inbox/style.css", "/inbox/sign-in"] {
        assert_eq!(other.get(path).await.status, 404, "{path}");
    }
    assert_eq!(other.get("/mcp").await.status, 401);
}

/// Every address of the inbox that names something, for these things.
pub(super) fn addresses(asked: &str, run: &str, link: &str) -> Vec<String> {
    let mut all: Vec<String> = [
        "",
        "/",
        "/pending",
        "/history",
        "/runs",
        "/switches",
        "/sign-in",
        "/sign-out",
        "/oidc/callback",
        "/style.css",
        "/refresh.js",
        "/icon.svg",
    ]
    .map(|rest| format!("/inbox{rest}"))
    .to_vec();
    for rest in ["", "/decided", "/approve", "/deny", "/withdraw", "/reveal"] {
        all.push(format!("/inbox/requests/{asked}{rest}"));
    }
    for rest in ["", "/rollback", "/resolve"] {
        all.push(format!("/inbox/runs/{run}{rest}"));
    }
    all.push(link.to_owned());
    all
}

/// A town with one of everything: what waits, what ran, what is in doubt, what is off.
pub(super) async fn busy() -> (Town, Approval, String, String) {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    assert!(town.call("alice", "order_pens", json!({"count": 3})).await.ok);
    let lost = town.call("alice", "lose_pens", json!({})).await;
    assert_eq!(lost.structured["executed"], "unknown");
    let scope = "tool:close_bank".parse().unwrap();
    assert_eq!(town.local.switch("gus", scope, true, Some("a drill")).await, Ok(true));
    let runs = town.local.runs("bob").await.unwrap();
    let pens = runs.iter().find(|run| run.tool == "order_pens").unwrap().run_id.to_string();
    let lost = runs.iter().find(|run| run.tool == "lose_pens").unwrap().run_id.to_string();
    (town, asked, pens, lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_changes_nothing_at_any_address_for_anybody() {
    let (town, asked, pens, lost) = busy().await;
    let link = town.link("carol").await;
    let mut visitors: Vec<Browser> = vec![town.browser()];
    for name in ["alice", "bob", "carol", "gus", "mallory", "dave"] {
        visitors.push(town.signed_in(name).await);
    }
    let (rows, record) = (town.stored_rows(), town.record().await);
    let digest = asked.effect.to_hex();
    for visitor in &mut visitors {
        let token = visitor.get("/inbox").await.field("token").unwrap_or_default();
        let mut all = addresses(&asked.id.to_string(), &pens, &link);
        all.extend(addresses(&asked.id.to_string(), &lost, &link));
        for path in all {
            // What a form would carry does nothing in an address.
            let carried =
                format!("token={token}&digest={digest}&reason=x&found=done&to=off&scope=tool:pay");
            for path in [path.clone(), format!("{path}?{carried}")] {
                for method in ["GET", "HEAD"] {
                    let headers = format!(
                        "{}{}Sec-Fetch-Site: same-origin\r\nX-HTTP-Method-Override: POST\r\n",
                        visitor.host(),
                        visitor.cookies()
                    );
                    let reply = visitor.raw(&format!("{method} {path}"), &headers, b"").await;
                    assert!(reply.status < 500, "{method} {path}: {}", reply.status);
                    assert!(reply.header("set-cookie").is_none(), "{method} {path}");
                }
            }
        }
    }
    assert_eq!(town.stored_rows(), rows);
    let now = town.record().await;
    let new: Vec<&str> = now.lines().filter(|line| !record.contains(line)).collect();
    // All that is on record is that somebody came back from an issuer that nobody went to.
    assert!(new.iter().all(|line| line.contains("sign_in_unknown")), "{new:#?}");
}
