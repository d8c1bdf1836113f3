//! Seeing what is masked.

#![allow(
    unused_parens,
    clippy::unused_async,
    reason = "`tools![..]` is no macro of another crate here, and tools need not wait"
)]

use super::kit::{Browser, Reply, Town};
use crate::approval::{Approval, Verdict};
use crate::prelude::*;

async fn reveal(browser: &mut Browser, asked: &Approval) -> Reply {
    let token = browser.get("/inbox").await.field("token").unwrap();
    let digest = asked.effect.to_hex();
    let fields = [("token", &*token), ("digest", &*digest)];
    browser.post(&format!("/inbox/requests/{}/reveal", asked.id), &fields).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_masked_stays_masked_unless_policy_grants_sight() {
    let town = Town::open().await;
    let asked = town.asked(10).await;
    let large = town.asked(6000).await;
    // Who decides sees no more for that, nor does who asked.
    for name in ["bob", "alice"] {
        let mut browser = town.signed_in(name).await;
        let page = browser.get(&format!("/inbox/requests/{}", asked.id)).await;
        assert!(page.text().contains("not shown") && !page.body.contains("/reveal"), "{name}");
        let reply = reveal(&mut browser, &asked).await;
        assert_eq!(reply.status, 403, "{name}");
        assert!(reply.text().contains("money.pay.reveal"), "{}", reply.text());
        assert!(!reply.body.contains("DE89"), "{name}");
    }
    // Policy grants sight below 5000.
    let mut carol = town.signed_in("carol").await;
    assert_eq!(reveal(&mut carol, &large).await.status, 403);
    let page = carol.get(&format!("/inbox/requests/{}", asked.id)).await;
    assert!(page.body.contains("/reveal") && !page.body.contains("DE89"));
    let shown = reveal(&mut carol, &asked).await;
    assert_eq!(shown.status, 200);
    assert!(
        shown.text().contains("DE89 3704") && shown.text().contains("on record"),
        "{}",
        shown.text()
    );
    // Once shown it is not shown to the next who looks, and not to her when she looks again.
    let page = carol.get(&format!("/inbox/requests/{}", asked.id)).await;
    assert!(!page.body.contains("DE89"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_look_is_on_record_before_it_is_shown_and_so_is_each_that_was_refused() {
    let town = Town::open().await;
    let asked = town.asked(10).await;
    let mut carol = town.signed_in("carol").await;
    let mut bob = town.signed_in("bob").await;
    assert_eq!(reveal(&mut bob, &asked).await.status, 403);
    for _ in 0..2 {
        assert_eq!(reveal(&mut carol, &asked).await.status, 200);
    }
    let record = town.record().await;
    let looks: Vec<&str> =
        record.lines().filter(|line| line.contains("\"event\":\"reveal\"")).collect();
    assert_eq!(looks.len(), 3, "{looks:#?}");
    assert!(looks[0].contains("permission_denied") && looks[0].contains("\"bob\""), "{looks:#?}");
    for look in &looks[1..] {
        assert!(look.contains("\"code\":\"ok\"") && look.contains("\"carol\""), "{look}");
        assert!(look.contains("\"inputs\":[\"iban\"]") && look.contains(&asked.id.to_string()));
    }
    assert!(!record.contains("DE89"), "the record holds the value");
    // Where nobody can write it down, nobody sees it.
    town.local.gate().audit().close().await.unwrap();
    let reply = reveal(&mut carol, &asked).await;
    assert_eq!(reply.status, 503);
    assert!(!reply.body.contains("DE89"), "{}", reply.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_over_keeps_its_mask() {
    let town = Town::open().await;
    let asked = town.asked(10).await;
    town.decide("bob", &asked, Verdict::Deny).await;
    let mut bob = town.signed_in("bob").await;
    let page = bob.get(&format!("/inbox/requests/{}", asked.id)).await;
    assert!(page.text().contains("denied") && page.text().contains("not shown"));
    assert_eq!(reveal(&mut bob, &asked).await.status, 403);
}

#[test]
fn a_permission_to_see_what_is_masked_is_never_a_tools_own() {
    /// Notes something down.
    #[tool(risk = "high", permission = "note.write", approval)]
    async fn write_note(#[arg(max_len = 50, sensitive)] text: String) -> Content {
        Content::text(text)
    }

    /// Looks notes up.
    #[tool(risk = "low", permission = "note.write.reveal", read_only)]
    async fn find_notes(number: u32) -> Content {
        Content::text(format!("{number}"))
    }

    let allow_all = Policies::from_str("all", "permit (principal, action, resource);");
    let server = Server::builder(|_| Ok::<(), String>(())).owner("tests").policies(allow_all);
    let faults = server.tools(tools![write_note, find_notes]).check().unwrap_err();
    assert!(
        faults.iter().any(|f| f.message.contains("`note.write.reveal` shows the sensitive inputs")),
        "{faults:#?}"
    );
}
