use serde_json::json;

use super::kit::{AUDIENCE, Town, without_decisions};
use crate::approval::ApprovalId;

#[tokio::test]
async fn a_token_for_something_else_opens_nothing() {
    let town = Town::open().await;
    for (over, why) in [
        (json!({"aud": "bank"}), "a token for calling tools"),
        (json!({"aud": [AUDIENCE, "bank"]}), "a token for both"),
        (json!({"aud": []}), "a token for nothing"),
        (json!({"iss": "https://other.example"}), "another issuer's"),
        (json!({"exp": 1}), "an old one"),
        (json!({"tenant": null}), "one of nobody's tenant"),
    ] {
        let reply = town.get(&town.token_with("bob", &over), "requests").await;
        assert_eq!(reply.refused(), (401, "unauthorized"), "{why}");
        assert!(
            reply.head.contains("www-authenticate: bearer error=\"invalid_token\""),
            "{why}: {}",
            reply.head
        );
        assert!(reply.head.contains("cache-control: no-store"));
    }
    town.get(&town.token_with("bob", &json!({"aud": [AUDIENCE]})), "requests").await.ok();
    let reply = town.get("", "requests").await;
    assert_eq!(reply.refused(), (401, "unauthorized"));
    // RFC 6750 section 3.1: no error where nothing was sent.
    assert!(reply.head.contains("www-authenticate: bearer\r\n"), "{}", reply.head);
    assert!(town.record().await.contains("wrong_audience"), "who tries is on record");
}

#[tokio::test]
async fn a_token_without_the_scope_is_told_which_one_it_lacks() {
    let town = Town::open().await;
    let approval = town.asked(100).await;
    for scope in [json!(null), json!("approvals"), json!("approvals:decide2 mcp"), json!("")] {
        let token = town.token_with("bob", &json!({"scope": scope}));
        for reply in
            [town.get(&token, "requests").await, town.vote(&token, &approval, "approve").await]
        {
            assert_eq!(reply.refused(), (403, "insufficient_scope"), "{scope}");
            let challenge =
                "www-authenticate: bearer error=\"insufficient_scope\", scope=\"approvals:decide\"";
            assert!(reply.head.contains(challenge), "{}", reply.head);
        }
    }
    assert!(town.record().await.contains("insufficient_scope"));
    assert_eq!(town.money(), 0);
}

#[tokio::test]
async fn what_is_not_there_is_not_told_to_strangers() {
    let town = Town::open().await;
    // Nobody learns the paths without a token.
    assert_eq!(town.get("", "nothing").await.refused().0, 401);
    let bob = town.token("bob");
    for path in ["", "requests/", "nothing", "requests/apr_1", "runs/run_1", "requests/../switches"]
    {
        assert_eq!(town.get(&bob, path).await.refused(), (404, "not_found"), "{path}");
    }
    assert_eq!(town.send(&bob, "GET /approvals/v1", "", b"").await.refused(), (404, "not_found"));
}

#[tokio::test]
async fn a_get_never_decides_and_a_method_is_taken_where_it_belongs() {
    let town = Town::open().await;
    let approval = town.asked(100).await;
    let (bob, id) = (town.token("bob"), approval.id);
    let body = json!({"digest": approval.effect, "verdict": "approve"});
    for (line, allowed) in [
        (format!("GET /approvals/v1/requests/{id}/decision"), "post"),
        (format!("PUT /approvals/v1/requests/{id}/decision"), "post"),
        (format!("POST /approvals/v1/requests/{id}"), "get"),
        ("DELETE /approvals/v1/switches".to_owned(), "get, post"),
    ] {
        let reply = town.ask(&bob, &line, Some(&body)).await;
        assert_eq!(reply.refused(), (405, "method_not_allowed"), "{line}");
        assert!(reply.head.contains(&format!("allow: {allowed}\r\n")), "{}", reply.head);
    }
    assert_eq!(town.get(&bob, &format!("requests/{id}")).await.ok()["state"], "pending");
}

#[tokio::test]
async fn b27_a_page_of_another_site_and_another_name_get_nowhere() {
    let town = Town::open().await;
    let approval = town.asked(100).await;
    let bob = town.token("bob");
    let body = json!({"digest": approval.effect, "verdict": "approve"}).to_string();
    let line = format!("POST /approvals/v1/requests/{}/decision", approval.id);
    for headers in
        ["origin: https://evil.example\r\n", "host: evil.example\r\n", "origin: null\r\n"]
    {
        let headers = format!("content-type: application/json\r\n{headers}");
        let reply = town.send(&bob, &line, &headers, body.as_bytes()).await;
        assert_eq!(reply.refused(), (403, "forbidden"), "{headers}");
    }
    let reply = town.send(&bob, &line, "content-type: text/plain\r\n", body.as_bytes()).await;
    assert_eq!(reply.refused(), (415, "unsupported_media_type"));
    let twice = format!("authorization: Bearer {bob}\r\n");
    assert_eq!(town.send(&bob, "GET /approvals/v1/requests", &twice, b"").await.refused().0, 401);
    assert_eq!(town.get(&bob, &format!("requests/{}", approval.id)).await.ok()["state"], "pending");
}

#[tokio::test]
async fn where_nobody_decides_over_http_that_is_said() {
    let (addr, _stop, _folder) = without_decisions().await;
    let mut town = Town::open().await;
    town.addr = addr;
    let reply = town.get(&town.token("bob"), "requests").await;
    assert_eq!(reply.refused(), (404, "no_decisions"));
}

#[tokio::test]
async fn one_account_does_not_ask_without_end() {
    let town = Town::open().await;
    let (bob, carol) = (town.token("bob"), town.token("carol"));
    let mut turned_away = None;
    for _ in 0..400 {
        let reply = town.get(&bob, "switches").await;
        if reply.status != 200 {
            turned_away = Some(reply);
            break;
        }
    }
    let reply = turned_away.expect("bob is never held up");
    assert_eq!(reply.refused(), (429, "too_many_requests"));
    assert!(reply.head.contains("retry-after: "), "{}", reply.head);
    town.get(&carol, "switches").await.ok();
}

#[tokio::test]
async fn hostile_json_is_refused_and_not_repeated() {
    let town = Town::open().await;
    let approval = town.asked(100).await;
    let bob = town.token("bob");
    let (digest, id) = (approval.effect, approval.id);
    let line = format!("POST /approvals/v1/requests/{id}/decision");
    let deep = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    for body in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{".to_owned(),
        deep,
        json!({"digest": digest}).to_string(),
        json!({"verdict": "approve"}).to_string(),
        json!({"digest": digest, "verdict": "hunter2"}).to_string(),
        json!({"digest": digest, "verdict": "Approve"}).to_string(),
        json!({"digest": digest, "verdict": ["approve"]}).to_string(),
        json!({"digest": digest, "verdict": true}).to_string(),
        json!({"digest": "hunter2", "verdict": "approve"}).to_string(),
        json!({"digest": null, "verdict": "approve"}).to_string(),
        json!({"digest": digest, "verdict": "approve", "hunter2": 1}).to_string(),
        json!({"digest": digest, "verdict": "approve", "reason": 1}).to_string(),
        json!({"digest": digest, "verdict": "approve", "reason": "x".repeat(4001)}).to_string(),
        format!("{{\"digest\":\"{digest}\",\"verdict\":\"deny\",\"verdict\":\"approve\"}}"),
        format!("{{\"digest\":\"{digest}\",\"verdict\":\"approve\"}} {{}}"),
    ] {
        let reply =
            town.send(&bob, &line, "content-type: application/json\r\n", body.as_bytes()).await;
        assert_eq!(reply.refused(), (400, "bad_request"), "{body}");
        assert!(!reply.body.to_string().contains("hunter2"), "{reply:?}");
    }
    let large = vec![b' '; 17 * 1024];
    let reply = town.send(&bob, &line, "content-type: application/json\r\n", &large).await;
    assert_eq!(reply.refused(), (413, "too_large"));
    for path in [
        "requests?state=hunter2",
        "requests?stat=pending",
        "requests?limit=0",
        "requests?limit=201",
        "requests?limit=1&limit=2",
        "requests?cursor=hunter2",
        "requests?cursor=1.hunter2",
        "requests?text=%ff",
        "requests?text=%zz",
        "runs?state=pending",
        "runs?cursor=1",
        "runs?cursor=1.hunter2",
        "switches?scope=everything",
        "requests?tenant=globex",
    ] {
        let reply = town.get(&bob, path).await;
        assert_eq!(reply.refused(), (400, "bad_request"), "{path}");
        assert!(!reply.body.to_string().contains("hunter2"), "{reply:?}");
    }
    assert_eq!(town.get(&bob, &format!("requests/{id}")).await.ok()["state"], "pending");
    // And one that was never given out is like one that is not an id.
    let reply = town.get(&bob, &format!("requests/{}", ApprovalId::random())).await;
    assert_eq!(reply.refused(), (404, "not_found"));
}
