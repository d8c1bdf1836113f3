use super::*;

cases! {
    a_ticket_says_what_it_was_given_for_as_long_as_it_is_good,
    a_ticket_is_taken_once_when_many_race,
    a_ticket_of_one_kind_is_never_one_of_another,
    a_ticket_whose_time_is_over_is_nothing_and_no_clock_brings_it_back,
    a_ticket_is_never_replaced,
    tickets_whose_time_is_over_are_dropped_and_no_others,
    a_ticket_that_cannot_be_read_is_an_error_and_lets_nobody_in,
    a_ticket_is_renewed_from_now_on_for_everybody_and_after_a_restart,
    a_ticket_that_is_over_taken_or_of_another_kind_is_not_renewed,
    a_ticket_that_is_renewed_while_it_is_taken_does_not_come_back,
}

const KINDS: [TicketKind; 3] = [TicketKind::Link, TicketKind::SignIn, TicketKind::Session];

fn secret(name: &str) -> Digest {
    Digest::of_bytes(name.as_bytes())
}

fn ticket(kind: TicketKind, content: Value) -> NewTicket {
    NewTicket { kind, content, expires_in_ms: 1_000 }
}

async fn a_ticket_says_what_it_was_given_for_as_long_as_it_is_good(desk: Desk) {
    let (store, elsewhere) = (desk.open().await, desk.open().await);
    let content =
        json!({"name": "b\u{0}b\"'\\; DROP TABLE tickets -- \u{202e}É", "n": [1, null, 1.5]});
    store.put_ticket(secret("s"), ticket(TicketKind::Session, content.clone())).await.unwrap();
    let expires = desk.clock.now().plus_millis(1_000);
    let whole = Some(Ticket { content, expires });
    for _ in 0..2 {
        desk.clock.advance_millis(499);
        let found = elsewhere.ticket(TicketKind::Session, &secret("s")).await.unwrap();
        assert_eq!(found, whole);
    }
    assert_eq!(elsewhere.take_ticket(TicketKind::Session, &secret("s")).await.unwrap(), whole);
    assert_eq!(store.ticket(TicketKind::Session, &secret("s")).await.unwrap(), None);
    assert_eq!(store.take_ticket(TicketKind::Session, &secret("s")).await.unwrap(), None);
}

async fn a_ticket_is_taken_once_when_many_race(desk: Desk) {
    let stores = [desk.open().await, desk.open().await];
    for round in 0..10 {
        let digest = secret(&format!("link {round}"));
        let new = ticket(TicketKind::Link, json!({"round": round}));
        stores[round % 2].put_ticket(digest, new).await.unwrap();
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                let store = Arc::clone(&stores[n % 2]);
                tokio::spawn(
                    async move { store.take_ticket(TicketKind::Link, &digest).await.unwrap() },
                )
            })
            .collect();
        let mut taken = 0;
        for task in tasks {
            if let Some(ticket) = task.await.unwrap() {
                assert_eq!(ticket.content, json!({"round": round}));
                taken += 1;
            }
        }
        assert_eq!(taken, 1, "round {round}");
    }
}

async fn a_ticket_of_one_kind_is_never_one_of_another(desk: Desk) {
    let store = desk.open().await;
    for kind in KINDS {
        store.put_ticket(secret(kind.as_str()), ticket(kind, json!(kind.as_str()))).await.unwrap();
    }
    for kind in KINDS {
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            let digest = secret(kind.as_str());
            assert_eq!(store.ticket(other, &digest).await.unwrap(), None);
            assert_eq!(store.take_ticket(other, &digest).await.unwrap(), None);
        }
    }
    // One secret for two kinds is two tickets.
    let new = ticket(TicketKind::Session, json!("too"));
    store.put_ticket(secret("link"), new).await.unwrap();
    for (kind, digest, content) in [
        (TicketKind::Session, "link", "too"),
        (TicketKind::Link, "link", "link"),
        (TicketKind::SignIn, "sign_in", "sign_in"),
        (TicketKind::Session, "session", "session"),
    ] {
        let taken = store.take_ticket(kind, &secret(digest)).await.unwrap();
        assert_eq!(taken.map(|t| t.content), Some(json!(content)));
    }
}

async fn a_ticket_whose_time_is_over_is_nothing_and_no_clock_brings_it_back(desk: Desk) {
    let store = desk.open().await;
    let begun = desk.clock.now();
    let put = async |name, expires_in_ms| {
        let new = NewTicket { expires_in_ms, ..ticket(TicketKind::Link, json!(1)) };
        store.put_ticket(secret(name), new).await.unwrap();
    };
    put("link", 1_000).await;
    put("never", 0).await;
    put("for ever", u64::MAX).await;
    assert_eq!(store.ticket(TicketKind::Link, &secret("never")).await.unwrap(), None);
    desk.clock.advance_millis(999);
    assert!(store.ticket(TicketKind::Link, &secret("link")).await.unwrap().is_some());
    // A second is how far a database may be behind in writing its time down.
    desk.clock.advance_millis(1_001);
    store.recover().await.unwrap();
    let behind = desk.open_at(Clock::fixed(begun)).await;
    for store in [&store, &behind] {
        assert_eq!(store.ticket(TicketKind::Link, &secret("link")).await.unwrap(), None);
        assert_eq!(store.take_ticket(TicketKind::Link, &secret("link")).await.unwrap(), None);
    }
    assert!(behind.take_ticket(TicketKind::Link, &secret("for ever")).await.unwrap().is_some());
}

async fn a_ticket_is_never_replaced(desk: Desk) {
    let store = desk.open().await;
    store.put_ticket(secret("s"), ticket(TicketKind::Session, json!("bob"))).await.unwrap();
    let again = store.put_ticket(secret("s"), ticket(TicketKind::Session, json!("mallory"))).await;
    assert!(again.is_err());
    let kept = store.ticket(TicketKind::Session, &secret("s")).await.unwrap();
    assert_eq!(kept.map(|t| t.content), Some(json!("bob")));
}

async fn tickets_whose_time_is_over_are_dropped_and_no_others(desk: Desk) {
    let store = desk.open().await;
    // More than one transaction drops.
    let tasks: Vec<_> = (0..1_200)
        .map(|n| {
            let store = Arc::clone(&store);
            let new = ticket(TicketKind::SignIn, json!(n));
            tokio::spawn(
                async move { store.put_ticket(secret(&n.to_string()), new).await.unwrap() },
            )
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let long = NewTicket { expires_in_ms: 1_001, ..ticket(TicketKind::Session, json!("long")) };
    store.put_ticket(secret("long"), long).await.unwrap();
    store.expire_due().await.unwrap();
    assert_eq!(desk.number("SELECT count(*) FROM tickets"), 1_201);
    desk.clock.advance_millis(1_000);
    store.expire_due().await.unwrap();
    assert_eq!(desk.number("SELECT count(*) FROM tickets"), 1);
    assert!(store.ticket(TicketKind::Session, &secret("long")).await.unwrap().is_some());
}

async fn a_ticket_that_cannot_be_read_is_an_error_and_lets_nobody_in(desk: Desk) {
    let store = desk.open().await;
    for name in ["broken", "whole"] {
        store.put_ticket(secret(name), ticket(TicketKind::Session, json!(name))).await.unwrap();
    }
    desk.change("UPDATE tickets SET content = '{' WHERE content LIKE '%broken%'");
    for _ in 0..2 {
        let taken = store.take_ticket(TicketKind::Session, &secret("broken")).await;
        assert!(matches!(taken, Err(StoreError::Corrupt(_))), "{taken:?}");
        let found = store.ticket(TicketKind::Session, &secret("broken")).await;
        assert!(matches!(found, Err(StoreError::Corrupt(_))), "{found:?}");
    }
    assert!(store.take_ticket(TicketKind::Session, &secret("whole")).await.unwrap().is_some());
}

async fn a_ticket_is_renewed_from_now_on_for_everybody_and_after_a_restart(desk: Desk) {
    let session = TicketKind::Session;
    let content = json!({"person": "bob"});
    {
        let (store, elsewhere) = (desk.open().await, desk.open().await);
        store.put_ticket(secret("s"), ticket(session, content.clone())).await.unwrap();
        store.put_ticket(secret("other"), ticket(session, content.clone())).await.unwrap();
        desk.clock.advance_millis(999);
        assert!(elsewhere.renew_ticket(session, &secret("s"), 5_000).await.unwrap());
        let expires = desk.clock.now().plus_millis(5_000);
        let found = store.ticket(session, &secret("s")).await.unwrap();
        assert_eq!(found, Some(Ticket { content: content.clone(), expires }));
    }
    // A longer time is not added to what was left, and a shorter one counts as well.
    let store = desk.open().await;
    desk.clock.advance_millis(4_999);
    assert_eq!(store.ticket(session, &secret("other")).await.unwrap(), None);
    assert!(store.renew_ticket(session, &secret("s"), 100).await.unwrap());
    desk.clock.advance_millis(99);
    assert!(store.ticket(session, &secret("s")).await.unwrap().is_some());
    desk.clock.advance_millis(1);
    assert_eq!(store.ticket(session, &secret("s")).await.unwrap(), None);
    // One for ever is for ever, and no sum is too large.
    store.put_ticket(secret("long"), ticket(session, json!(1))).await.unwrap();
    assert!(store.renew_ticket(session, &secret("long"), u64::MAX).await.unwrap());
    desk.clock.advance_millis(10_000 * 24 * HOUR);
    store.expire_due().await.unwrap();
    assert!(store.ticket(session, &secret("long")).await.unwrap().is_some());
}

async fn a_ticket_that_is_over_taken_or_of_another_kind_is_not_renewed(desk: Desk) {
    let store = desk.open().await;
    for kind in KINDS {
        store.put_ticket(secret(kind.as_str()), ticket(kind, json!(1))).await.unwrap();
    }
    for kind in KINDS {
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            let digest = secret(kind.as_str());
            assert!(!store.renew_ticket(other, &digest, 60_000).await.unwrap(), "{kind:?}");
        }
    }
    assert!(!store.renew_ticket(TicketKind::Session, &secret("nobody's"), 60_000).await.unwrap());
    let link = secret("link");
    assert!(store.take_ticket(TicketKind::Link, &link).await.unwrap().is_some());
    assert!(!store.renew_ticket(TicketKind::Link, &link, 60_000).await.unwrap());
    // Its time is over at its very millisecond, whether or not anybody has swept.
    desk.clock.advance_millis(1_000);
    let session = secret("session");
    for _ in 0..2 {
        assert!(!store.renew_ticket(TicketKind::Session, &session, 60_000).await.unwrap());
        assert_eq!(store.ticket(TicketKind::Session, &session).await.unwrap(), None);
        store.expire_due().await.unwrap();
    }
    // Ended by being renewed for no time at all.
    store.put_ticket(secret("last"), ticket(TicketKind::Session, json!(1))).await.unwrap();
    assert!(store.renew_ticket(TicketKind::Session, &secret("last"), 0).await.unwrap());
    assert_eq!(store.ticket(TicketKind::Session, &secret("last")).await.unwrap(), None);
}

async fn a_ticket_that_is_renewed_while_it_is_taken_does_not_come_back(desk: Desk) {
    let stores = [desk.open().await, desk.open().await];
    for round in 0..20 {
        let digest = secret(&format!("session {round}"));
        let new = ticket(TicketKind::Session, json!(round));
        stores[round % 2].put_ticket(digest, new).await.unwrap();
        let renewals: Vec<_> = (0..6)
            .map(|n| {
                let store = Arc::clone(&stores[n % 2]);
                tokio::spawn(async move {
                    store.renew_ticket(TicketKind::Session, &digest, 60_000).await.unwrap()
                })
            })
            .collect();
        let taken = stores[1 - round % 2].take_ticket(TicketKind::Session, &digest).await.unwrap();
        assert!(taken.is_some(), "round {round}");
        for renewal in renewals {
            renewal.await.unwrap();
        }
        for store in &stores {
            assert_eq!(store.ticket(TicketKind::Session, &digest).await.unwrap(), None);
            let again = store.renew_ticket(TicketKind::Session, &digest, 60_000).await.unwrap();
            assert!(!again, "round {round}: it came back");
        }
    }
}
