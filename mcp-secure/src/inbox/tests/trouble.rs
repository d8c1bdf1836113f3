//! The store or the record is down.

use super::kit::Town;
use crate::approval::StateKind;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_down_is_said_so_on_every_page_and_nothing_is_decided() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let mut bob = town.signed_in("bob").await;
    let at = format!("/inbox/requests/{}", asked.id);
    let page = bob.get(&at).await;
    let fields =
        [("token", page.field("token").unwrap()), ("digest", page.field("digest").unwrap())];
    let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let link = town.link("carol").await;
    let file = town.file();
    for (down, up) in [
        ("ALTER TABLE tickets RENAME TO t", "ALTER TABLE t RENAME TO tickets"),
        ("ALTER TABLE approvals RENAME TO a", "ALTER TABLE a RENAME TO approvals"),
    ] {
        file.execute_batch(down).unwrap();
        for path in [at.as_str(), "/inbox", "/inbox/pending", "/inbox/history"] {
            let reply = bob.get(path).await;
            assert_eq!(
                (reply.status, reply.header("retry-after")),
                (503, Some("5")),
                "{down} {path}"
            );
            assert!(reply.text().contains("Not available at present"), "{}", reply.text());
            assert!(!reply.body.contains("no such table") && !reply.body.contains("SQL"));
        }
        let reply = bob.post(&format!("{at}/approve"), &fields).await;
        assert_eq!(reply.status, 503, "{down}");
        file.execute_batch(up).unwrap();
    }
    file.execute_batch("ALTER TABLE tickets RENAME TO t").unwrap();
    assert_eq!(town.browser().get(&link).await.status, 503);
    assert_eq!(town.browser().post(&link, &[]).await.status, 503);
    file.execute_batch("ALTER TABLE t RENAME TO tickets").unwrap();
    assert_eq!(town.stored(&asked.id).await.state.kind(), StateKind::Pending);
    assert!(town.stored(&asked.id).await.votes.is_empty());
    assert_eq!(bob.post(&format!("{at}/approve"), &fields).await.status, 303, "it is up again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_that_can_not_be_recorded_does_not_count_and_nobody_signs_in() {
    let town = Town::open().await;
    let asked = town.asked(1).await;
    let mut bob = town.signed_in("bob").await;
    let link = town.link("carol").await;
    town.local.gate().audit().close().await.unwrap();
    for (verdict, reason) in [("approve", ""), ("deny", "x")] {
        let reply = bob.decide(&asked.id, verdict, reason).await;
        assert_eq!(reply.status, 503, "{verdict}");
        assert!(reply.text().contains("can not be written down"), "{}", reply.text());
    }
    let now = town.stored(&asked.id).await;
    assert_eq!((now.state.kind(), now.votes.len()), (StateKind::Pending, 0));
    let mut carol = town.browser();
    assert_eq!(carol.post(&link, &[]).await.status, 503);
    assert!(carol.jar.is_empty());
    let people = super::kit::people().build().unwrap();
    let who = (&people, crate::identity::Sandbox::in_process());
    assert!(crate::inbox::mint_link(&*town.opened, who, &town.settings, "bob").await.is_err());
}
