//! Connections that are cut.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_lose_nothing_and_begin_nothing_twice() {
    let server = Server::shared();
    let database = server.database();
    let stores = [open(server, &database).await, open(server, &database).await];
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let workers: Vec<_> = (0..16)
        .map(|worker| {
            let (store, stop) = (Arc::clone(&stores[worker % 2]), Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut ran, mut ended, mut n) = (Vec::new(), Vec::new(), 0);
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    n += 1;
                    // Two workers fight over each key.
                    let key = format!("{}-{n}", worker / 2);
                    // Longer than the test: a worker may lag far behind the other.
                    let idempotency = keyed(&key, "a").idempotency;
                    let idempotency = idempotency.map(|key| NewKey { window_ms: 3_600_000, ..key });
                    let run = NewRun { idempotency, ..keyed(&key, "a") };
                    let id = run.run_id;
                    let Ok(Committed::Running { fence, .. }) = store.commit_run(run).await else {
                        continue;
                    };
                    ran.push(key);
                    if let Ok(Finished::Recorded) = store.finish_run(&id, fence, done(None)).await {
                        ended.push(id);
                    }
                }
                (ran, ended)
            })
        })
        .collect();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cut(server, &database);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let (mut ran, mut ended) = (Vec::new(), Vec::new());
    for worker in workers {
        let (began, over) = worker.await.unwrap();
        ran.extend(began);
        ended.extend(over);
    }
    assert!(ended.len() > 100, "only {} calls came through", ended.len());
    for id in &ended {
        assert_eq!(stores[0].run(id).await.unwrap().unwrap().state, RunState::Done);
    }
    // Whoever was told to run held the key alone.
    let told = ran.len();
    ran.sort();
    ran.dedup();
    assert_eq!(ran.len(), told);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_give_no_ticket_twice_and_lose_no_notice() {
    let server = Server::shared();
    let database = server.database();
    let stores = [open(server, &database).await, open(server, &database).await];
    let digest = |n: i64| Digest::of_bytes(&n.to_be_bytes());
    for n in 0..300 {
        let new = NewTicket { kind: TicketKind::Link, content: json!(n), expires_in_ms: 600_000 };
        stores[0].put_ticket(digest(n), new).await.unwrap();
    }
    let cutting = tokio::spawn({
        let database = database.clone();
        async move {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                cut(Server::shared(), &database);
            }
        }
    });
    let workers: Vec<_> = (0..4)
        .map(|worker: i64| {
            let store = Arc::clone(&stores[usize::from(worker % 2 == 0)]);
            tokio::spawn(async move {
                let (mut taken, mut made) = (Vec::new(), Vec::new());
                // All fight over each ticket.
                for n in 0..300 {
                    if let Ok(Some(ticket)) = store.take_ticket(TicketKind::Link, &digest(n)).await
                    {
                        assert_eq!(ticket.content, json!(n));
                        taken.push(n);
                    }
                    let new = NewApproval {
                        requester: party(&format!("worker {worker}"), "agent"),
                        announce: true,
                        max_pending: u32::MAX,
                        ..refund(n * 4 + worker)
                    };
                    if let Ok(Requested::Created(approval)) = store.request_approval(new).await {
                        made.push(approval.id);
                    }
                }
                (taken, made)
            })
        })
        .collect();
    let (mut taken, mut made) = (Vec::new(), Vec::new());
    for worker in workers {
        let (tickets, requests) = worker.await.unwrap();
        taken.extend(tickets);
        made.extend(requests);
    }
    cutting.await.unwrap();
    assert!(taken.len() > 100 && made.len() > 300, "{} {}", taken.len(), made.len());
    let given = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), given, "a ticket was given twice");
    let store = open(server, &database).await;
    let mut told = std::collections::HashSet::new();
    loop {
        let some = store.due_notices(500, 600_000).await.unwrap();
        if some.is_empty() {
            break;
        }
        told.extend(some.into_iter().map(|notice| notice.approval));
    }
    assert!(made.iter().all(|id| told.contains(id)));
    let lone = "SELECT count(*) FROM mcp_secure.approvals WHERE id NOT IN (SELECT approval FROM mcp_secure.notices)";
    assert_eq!(server.sql(&database, lone), "0");
}
