//! A database that keeps whoever asks it waiting.

use super::*;

#[tokio::test]
async fn a_database_that_hangs_is_an_error() {
    let server = Server::shared();
    let database = server.database();
    let store = open_within(server, &database, Duration::from_millis(400)).await;
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
    let store = open_within(server, &database, Duration::from_millis(400)).await;
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
    let store = open_within(server, &database, Duration::from_millis(400)).await;
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
    let store = open_within(server, &database, Duration::from_secs(2)).await;
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
