//! What can happen to a server, and to what is on its way to it.

mod cut;
mod hangs;
mod isolation;

use super::*;

use std::thread::JoinHandle;
use std::time::Duration;

fn options(server: &Server, database: &str) -> PostgresOptions {
    PostgresOptions::new(&server.connection(database)).unwrap()
}

async fn open(server: &Server, database: &str) -> Shared {
    Arc::new(Postgres::open(&options(server, database)).await.unwrap())
}

/// A store that waits so long for the database and no longer.
async fn open_within(server: &Server, database: &str, patience: Duration) -> Shared {
    let options = options(server, database).timeout(patience);
    Arc::new(Postgres::open(&options).await.unwrap())
}

fn cut(server: &Server, database: &str) {
    server.sql(
        "postgres",
        &format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        ),
    );
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
