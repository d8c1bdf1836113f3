//! Transactions that meet, at each level of isolation that a database may ask for.

use super::*;

/// Two stores in one database, whose transactions are at this level unless they say otherwise; and its name.
async fn two_at(level: &str) -> ([Shared; 2], String) {
    let server = Server::shared();
    let database = server.database();
    let sql = format!("ALTER DATABASE {database} SET default_transaction_isolation = '{level}'");
    server.sql(&database, &sql);
    ([open(server, &database).await, open(server, &database).await], database)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_replicas_exactly_one_runs_a_thousand_times() {
    let server = Server::shared();
    let database = server.database();
    let (a, b) = (open(server, &database).await, open(server, &database).await);
    let once = |answers: [Committed; 2]| {
        let ran = answers.iter().filter(|c| matches!(c, Committed::Running { .. })).count();
        assert_eq!(ran, 1, "{answers:?}");
    };
    for n in 0..1000 {
        let asked = approved(&a, NewApproval { max_pending: 10_000, ..refund(n) }).await;
        let (x, y) = tokio::join!(a.commit_run(run_of(&asked)), b.commit_run(run_of(&asked)));
        once([x.unwrap(), y.unwrap()]);
        let key = format!("k{n}");
        let (x, y) = tokio::join!(a.commit_run(keyed(&key, "a")), b.commit_run(keyed(&key, "a")));
        once([x.unwrap(), y.unwrap()]);
    }
    assert_eq!(server.sql(&database, "SELECT count(*) FROM mcp_secure.runs"), "2000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_serialisable_isolation_conflicts_are_attempted_again() {
    let (stores, _) = two_at("serializable").await;
    let rate = Rate { burst: 30, every_us: 3_600_000_000 };
    let want = Wanted { bucket: Digest::of_bytes(b"b"), rate, calls: 1 };
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let store = Arc::clone(&stores[n % 2]);
            tokio::spawn(async move {
                start(&store, keyed(&format!("k{n}"), "a")).await;
                loop {
                    match store.lease(vec![want]).await {
                        Ok(leased) => return leased[0].granted,
                        Err(error) => assert_eq!(error, StoreError::Raced),
                    }
                }
            })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    assert_eq!(granted, 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_serialisable_isolation_a_ticket_is_taken_once_and_a_notice_handed_out_once() {
    let (stores, _) = two_at("serializable").await;
    for cents in 0..40 {
        ask(&stores[0], NewApproval { announce: true, max_pending: 100, ..refund(cents) }).await;
        let new =
            NewTicket { kind: TicketKind::Link, content: json!(cents), expires_in_ms: 60_000 };
        stores[0].put_ticket(Digest::of_bytes(&cents.to_be_bytes()), new).await.unwrap();
    }
    let tasks: Vec<_> = (0..8)
        .map(|n: usize| {
            let store = Arc::clone(&stores[n % 2]);
            tokio::spawn(async move {
                let (mut taken, mut told) = (0, Vec::new());
                for cents in 0..40_i64 {
                    let digest = Digest::of_bytes(&cents.to_be_bytes());
                    let ticket = loop {
                        match store.take_ticket(TicketKind::Link, &digest).await {
                            Ok(ticket) => break ticket,
                            Err(error) => assert_eq!(error, StoreError::Raced),
                        }
                    };
                    taken += usize::from(ticket.is_some());
                    match store.due_notices(2, 600_000).await {
                        Ok(some) => told.extend(some.into_iter().map(|notice| notice.number)),
                        Err(error) => assert_eq!(error, StoreError::Raced),
                    }
                }
                (taken, told)
            })
        })
        .collect();
    let (mut taken, mut told) = (0, Vec::new());
    for task in tasks {
        let (some, numbers) = task.await.unwrap();
        taken += some;
        told.extend(numbers);
    }
    told.extend(stores[0].due_notices(100, 600_000).await.unwrap().iter().map(|n| n.number));
    told.sort_unstable();
    assert_eq!((taken, told), (40, (1..=40).collect()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_repeatable_reads_misses_no_vote_and_no_pending_request() {
    let (stores, database) = two_at("repeatable read").await;
    let asked = ask(&stores[0], NewApproval { quorum: 2, ..refund(1) }).await;
    // Both have begun before either gets at the row.
    let holder = hold_rows(&database, "approvals");
    let (bob, carol) =
        tokio::join!(approve(&stores[0], &asked, "bob"), approve(&stores[1], &asked, "carol"));
    holder.join().unwrap();
    assert!(
        matches!((&bob, &carol), (Decided::Counted(_), Decided::Counted(_))),
        "{bob:?} {carol:?}"
    );
    assert_eq!(kind_of(&stores[0], &asked.id).await, StateKind::Approved);

    let asking: Vec<_> = (10..30)
        .map(|cents| {
            let store = Arc::clone(&stores[usize::from(cents % 2 == 0)]);
            let new = NewApproval { max_pending: 3, ..refund(cents) };
            tokio::spawn(async move { store.request_approval(new).await.unwrap() })
        })
        .collect();
    let mut made = 0;
    for asked in asking {
        made += usize::from(matches!(asked.await.unwrap(), Requested::Created(_)));
    }
    assert_eq!(made, 3);
}
