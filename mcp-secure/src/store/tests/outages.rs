//! What can happen to a server, and to what is on its way to it.

use super::*;

use std::thread::JoinHandle;
use std::time::Duration;

fn options(server: &Server, database: &str) -> PostgresOptions {
    PostgresOptions::new(&server.connection(database)).unwrap()
}

async fn open(server: &Server, database: &str) -> Shared {
    Arc::new(Postgres::open(&options(server, database)).await.unwrap())
}

fn cut(server: &Server, database: &str) {
    server.sql(
        "postgres",
        &format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        ),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_is_an_error_and_comes_back() {
    let server = Server::start();
    let database = server.database();
    let store = open(&server, &database).await;
    let asked = approved(&store, refund(1)).await;
    let held = start(&store, keyed("k", "a")).await;
    server.stop();
    let gone = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
    assert!(store.commit_run(run_of(&asked)).await.is_err_and(|e| gone(&e)));
    assert!(store.commit_run(keyed("k2", "a")).await.is_err_and(|e| gone(&e)));
    assert!(store.switches().await.is_err_and(|e| gone(&e)));
    assert!(store.idempotent(&Digest::of_bytes(b"k")).await.is_err_and(|e| gone(&e)));
    server.run();
    assert!(matches!(key_of(&store, "k").await, Some(KeyState::Running { .. })));
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::Approved);
    start(&store, run_of(&asked)).await;
    assert_eq!(end(&store, &held, done(None)).await, Finished::Recorded);
    server.crash();
    server.run();
    assert_eq!(store.run(&held.0).await.unwrap().unwrap().state, RunState::Done);
}

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
    let server = Server::shared();
    let database = server.database();
    server.sql(
        &database,
        &format!("ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'"),
    );
    let stores = [open(server, &database).await, open(server, &database).await];
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
    let server = Server::shared();
    let database = server.database();
    server.sql(
        &database,
        &format!("ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'"),
    );
    let stores = [open(server, &database).await, open(server, &database).await];
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
    let server = Server::shared();
    let database = server.database();
    let sql =
        format!("ALTER DATABASE {database} SET default_transaction_isolation = 'repeatable read'");
    server.sql(&database, &sql);
    let stores = [open(server, &database).await, open(server, &database).await];
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

#[tokio::test]
async fn a_read_only_database_refuses_writes_and_still_reads() {
    let server = Server::shared();
    let database = server.database();
    let store = open(server, &database).await;
    let asked = approved(&store, refund(1)).await;
    server.sql(
        "postgres",
        &format!("ALTER DATABASE {database} SET default_transaction_read_only = on"),
    );
    cut(server, &database);
    let store = open(server, &database).await;
    assert_eq!(store.commit_run(run_of(&asked)).await, Err(StoreError::ReadOnly));
    assert_eq!(store.commit_run(keyed("k", "a")).await, Err(StoreError::ReadOnly));
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::Approved);
}

#[tokio::test]
async fn a_database_that_hangs_is_an_error() {
    let server = Server::shared();
    let database = server.database();
    let options = options(server, &database).timeout(Duration::from_millis(400));
    let store: Shared = Arc::new(Postgres::open(&options).await.unwrap());
    let holder = hold(&database, "LOCK TABLE mcp_secure.runs IN ACCESS EXCLUSIVE MODE", 3.0);
    let waiting = store.commit_run(keyed("k", "a")).await;
    assert!(matches!(waiting, Err(StoreError::Unavailable(_))), "{waiting:?}");
    holder.join().unwrap();
    start(&store, keyed("k", "a")).await;
}

#[tokio::test]
async fn a_run_that_turns_up_after_it_was_said_not_to_begin_is_ended_without_effect() {
    let server = Server::shared();
    let database = server.database();
    let options = options(server, &database).timeout(Duration::from_millis(400));
    let store: Shared = Arc::new(Postgres::open(&options).await.unwrap());
    // Commits that insert a run hang, and go on when they are cancelled.
    server.sql(
        &database,
        "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(5); RETURN NULL;
            EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(4); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON mcp_secure.runs DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION linger()",
    );
    let asked = approved(&store, refund(1)).await;
    for run in [keyed("k", "a"), run_of(&asked)] {
        let id = run.run_id;
        let begun = store.commit_run(run).await;
        assert!(matches!(begun, Err(StoreError::Unavailable(_))), "{begun:?}");
        let mut state = None;
        for _ in 0..200 {
            state = store.run(&id).await.unwrap().map(|run| run.state);
            if state == Some(RunState::NoEffect) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(state, Some(RunState::NoEffect));
    }
    assert_eq!(key_of(&store, "k").await, None);
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::Failed);
}

#[tokio::test]
async fn what_was_committed_is_not_said_to_be_lost_where_the_time_can_not_be_written_down() {
    let server = Server::shared();
    let database = server.database();
    let options = options(server, &database).timeout(Duration::from_millis(400));
    let store: Shared = Arc::new(Postgres::open(&options).await.unwrap());
    server.sql(&database, "UPDATE mcp_secure.meta SET value = 0 WHERE key = 'time'");
    let holder = hold_rows(&database, "meta");
    let asked = ask(&store, refund(1)).await;
    holder.join().unwrap();
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::Pending);
    // Another connection is as good as the one that was given up.
    ask(&store, refund(2)).await;
    assert_ne!(server.sql(&database, "SELECT value FROM mcp_secure.meta WHERE key = 'time'"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_runs_were_lost_at_once_a_slow_database_gets_through_them() {
    let server = Server::shared();
    let database = server.database();
    let options = options(server, &database).timeout(Duration::from_secs(2));
    let store: Shared = Arc::new(Postgres::open(&options).await.unwrap());
    let runs = (0..300).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            start(&store, NewRun { lease_ms: 1, ..keyed(&format!("k{n}"), "a") }).await;
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
    // All together take longer than any operation may.
    server.sql(
        &database,
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$;
         CREATE TRIGGER slow BEFORE UPDATE ON mcp_secure.runs FOR EACH ROW
            WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION slow()",
    );
    let mut told = store.recover().await.unwrap();
    told.sort_by_key(|lost| lost.run_id);
    told.dedup_by_key(|lost| lost.run_id);
    assert_eq!(told.len(), 300);
    assert!(store.recover().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_clock_that_is_set_back_by_more_than_a_second_is_not_believed() {
    let desk = Desk::postgres();
    let ahead = desk.open_at(Clock::fixed(Timestamp::from_millis(5_000))).await;
    ahead.recover().await.unwrap();
    let behind = desk.open_at(Clock::fixed(Timestamp::from_millis(3_000))).await;
    assert_eq!(behind.now().await.unwrap().millis(), 5_000);
    // Within one process not even by a millisecond.
    let clock = Clock::fixed(Timestamp::from_millis(5_400));
    let store = desk.open_at(clock).await;
    let now = store.now().await.unwrap();
    assert_eq!(now.millis(), 5_400);
    assert!(store.now().await.unwrap() >= now);
}

#[tokio::test]
async fn the_tables_are_made_once_and_a_newer_release_is_refused() {
    let server = Server::shared();
    let database = server.database();
    let opening = (0..6).map(|_| {
        let options = options(server, &database);
        tokio::spawn(async move { Postgres::open(&options).await.map(drop) })
    });
    for opened in opening.collect::<Vec<_>>() {
        assert_eq!(opened.await.unwrap(), Ok(()));
    }
    server.sql(&database, "UPDATE mcp_secure.meta SET value = 99 WHERE key = 'version'");
    let refused = Postgres::open(&options(server, &database)).await.map(drop);
    assert_eq!(refused, Err(StoreError::Version { found: 99, known: 4 }));
    let sloppy = server.database();
    server.sql(&sloppy, &format!("ALTER DATABASE {sloppy} SET synchronous_commit = off"));
    let refused = Postgres::open(&options(server, &sloppy)).await.map(drop);
    assert!(matches!(refused, Err(StoreError::Setting(_))), "{refused:?}");
}

#[tokio::test]
async fn no_password_is_shown_and_none_travels_in_the_open() {
    let open = "postgres://tools:hunter2@db.example/tools";
    for connection in [open, "postgres://tools:hunter2@db.example/tools?sslmode=prefer"] {
        let options = PostgresOptions::new(connection).unwrap();
        assert!(!format!("{options:?}").contains("hunter2"));
        let refused = Postgres::open(&options).await.map(drop).unwrap_err();
        assert!(matches!(&refused, StoreError::Setting(why) if why.contains("sslmode=require")));
    }
    let broken = PostgresOptions::new("postgres://tools:hunter2@db.example:no-port/x").unwrap_err();
    assert!(!format!("{broken} {broken:?}").contains("hunter2"));
    let nobody = "host=127.0.0.1 port=1 user=tools password=hunter2 dbname=x connect_timeout=1";
    let refused =
        Postgres::open(&PostgresOptions::new(nobody).unwrap()).await.map(drop).unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(!format!("{refused} {refused:?}").contains("hunter2"));
}

/// Somebody else holds these rows for a second and a half from now on.
fn hold_rows(database: &str, rows: &str) -> JoinHandle<String> {
    let locks =
        format!("SELECT count(*) FROM (SELECT 1 FROM mcp_secure.{rows} FOR UPDATE) AS held");
    hold(database, &locks, 1.5)
}

/// Somebody else holds for so many seconds from now on what this statement locks.
fn hold(database: &str, locks: &str, seconds: f64) -> JoinHandle<String> {
    let sql = format!("BEGIN; {locks}; SELECT pg_sleep({seconds}); COMMIT");
    let of = database.to_owned();
    let holder = std::thread::spawn(move || Server::shared().sql(&of, &sql));
    let sleeping = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND wait_event = 'PgSleep'"
    );
    while Server::shared().sql(database, &sleeping) == "0" {
        assert!(!holder.is_finished(), "it held nothing, or nobody looked in time");
    }
    holder
}

// On one thread, operations that are handed in together are in one group.
#[tokio::test]
async fn an_operation_that_has_to_wait_keeps_nobody_else_waiting() {
    let server = Server::shared();
    let database = server.database();
    let store = open(server, &database).await;
    let (mut slow, mut held) = (Vec::new(), Vec::new());
    for cents in 0..4 {
        slow.push(approved(&store, refund(cents)).await);
    }
    for asked in slow.split_off(2) {
        held.push(start(&store, run_of(&asked)).await);
    }
    let plain = start(&store, keyed("plain", "a")).await;
    let holder = hold_rows(&database, "approvals");
    let begun = std::time::Instant::now();
    let timed = async |work: StoreFuture<'_, bool>| {
        assert_eq!(work.await, Ok(true));
        begun.elapsed()
    };
    let begins = |run: NewRun| -> StoreFuture<'_, bool> {
        let committed = store.commit_run(run);
        Box::pin(async { Ok(matches!(committed.await?, Committed::Running { .. })) })
    };
    let ends = |run: &(RunId, Fence)| -> StoreFuture<'_, bool> {
        let finished = store.finish_run(&run.0, run.1, done(None));
        Box::pin(async { Ok(finished.await? == Finished::Recorded) })
    };
    // As many groups with a slow member as may be on their way at once, and then others.
    let later = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        tokio::join!(timed(begins(run_of(&slow[1]))), timed(ends(&held[1])))
    };
    let others = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        tokio::join!(timed(begins(keyed("b", "a"))), timed(ends(&plain)))
    };
    let (slow_begin, with_it, slow_end, slow, after) = tokio::join!(
        timed(begins(run_of(&slow[0]))),
        timed(begins(keyed("a", "a"))),
        timed(ends(&held[0])),
        later,
        others
    );
    let soon = Duration::from_millis(700);
    for (what, took) in
        [("with it", with_it), ("begin after it", after.0), ("end after it", after.1)]
    {
        assert!(took < soon, "{what}: {took:?}");
    }
    for waited in [slow_begin, slow_end, slow.0, slow.1] {
        assert!(waited > soon, "nobody was held up: {waited:?}");
    }
    holder.join().unwrap();
}

#[tokio::test]
async fn a_key_that_cannot_be_read_keeps_no_other_from_being_looked_up() {
    let server = Server::shared();
    let database = server.database();
    let store = open(server, &database).await;
    start(&store, keyed("k", "a")).await;
    let broken = start(&store, keyed("broken", "a")).await;
    let sql = format!("UPDATE mcp_secure.runs SET run = '{{' WHERE run_id = '{}'", broken.0);
    server.sql(&database, &sql);
    let of = |key: &str| Digest::of_bytes(key.as_bytes());
    let (a, b) = (of("k"), of("broken"));
    let (fine, damaged) = tokio::join!(store.idempotent(&a), store.idempotent(&b));
    assert!(matches!(fine, Ok(Some(_))), "{fine:?}");
    assert!(matches!(damaged, Err(StoreError::Corrupt(_))), "{damaged:?}");
}
