use super::*;

cases! {
    a_run_is_rolled_back_once_when_two_processes_race,
    a_rollback_that_had_no_effect_gives_the_right_back,
    a_rollback_in_doubt_pins_the_right_until_somebody_resolves_it,
    a_rollback_in_doubt_is_resolved_by_somebody_else_where_it_was_taken,
    only_a_done_run_of_the_same_tenant_is_rolled_back_and_in_time,
    a_run_that_can_be_rolled_back_is_kept,
}

fn back(of: RunId) -> NewRun {
    NewRun {
        tool: "cancel_refund".to_owned(),
        idempotency: None,
        compensates: Some(of),
        ..keyed("", "x")
    }
}

fn refused(why: RollbackRefused) -> Committed {
    Committed::Refused(CommitRefused::RollbackRefused(why))
}

async fn a_run_is_rolled_back_once_when_two_processes_race(desk: Desk) {
    let (a, b) = (desk.open().await, desk.open().await);
    for n in 0..50 {
        let run = start(&a, keyed(&format!("k{n}"), "a")).await;
        end(&a, &run, revocable(json!({"refund_id": n}))).await;
        let offered = b.run(&run.0).await.unwrap().unwrap().rollback.unwrap();
        assert_eq!((offered.output, offered.taken_by), (json!({"refund_id": n}), None));
        let (x, y) = tokio::join!(a.commit_run(back(run.0)), b.commit_run(back(run.0)));
        let answers = [x.unwrap(), y.unwrap()];
        let ran = answers.iter().filter(|c| matches!(c, Committed::Running { .. })).count();
        assert_eq!((ran, answers.contains(&refused(RollbackRefused::Taken))), (1, true));
    }
}

async fn a_rollback_that_had_no_effect_gives_the_right_back(desk: Desk) {
    let store = desk.open().await;
    let run = start(&store, keyed("k", "a")).await;
    end(&store, &run, revocable(json!(1))).await;
    let first = start(&store, back(run.0)).await;
    let record = store.run(&first.0).await.unwrap().unwrap();
    assert_eq!(record.compensates, Some(run.0));
    end(&store, &first, no_effect()).await;
    let second = start(&store, back(run.0)).await;
    end(&store, &second, done(None)).await;
    assert_eq!(store.commit_run(back(run.0)).await.unwrap(), refused(RollbackRefused::Taken));
    let state = store.run(&run.0).await.unwrap().unwrap().rollback.unwrap();
    assert_eq!(state.taken_by, Some(second.0));
    // A failure may have come after the effect, so it uses the right up as well.
    let other = start(&store, keyed("k2", "a")).await;
    end(&store, &other, revocable(json!(1))).await;
    let failing = start(&store, back(other.0)).await;
    end(&store, &failing, RunResult::Failed { error: "x".to_owned(), answer: None }).await;
    assert_eq!(store.commit_run(back(other.0)).await.unwrap(), refused(RollbackRefused::Taken));
}

async fn a_rollback_in_doubt_pins_the_right_until_somebody_resolves_it(desk: Desk) {
    let store = desk.open().await;
    let run = start(&store, keyed("k", "a")).await;
    end(&store, &run, revocable(json!(1))).await;
    let doubtful = start(&store, back(run.0)).await;
    end(&store, &doubtful, unknown()).await;
    assert_eq!(store.commit_run(back(run.0)).await.unwrap(), refused(RollbackRefused::Taken));
    let bob = || party("bob", "cli");
    store.resolve_run(&doubtful.0, Resolution::NotDone, bob()).await.unwrap();
    let again = start(&store, back(run.0)).await;
    end(&store, &again, unknown()).await;
    store.resolve_run(&again.0, Resolution::Done, bob()).await.unwrap();
    assert_eq!(store.commit_run(back(run.0)).await.unwrap(), refused(RollbackRefused::Taken));
}

async fn a_rollback_in_doubt_is_resolved_by_somebody_else_where_it_was_taken(desk: Desk) {
    let store = desk.open().await;
    let run = start(&store, keyed("k", "a")).await;
    end(&store, &run, revocable(json!(1))).await;
    let taken = NewRun { caller: party("carol", "inbox"), ..back(run.0) };
    let doubtful = start(&store, taken).await;
    end(&store, &doubtful, unknown()).await;
    let resolve = async |name: &str, run: &RunId| {
        store.resolve_run(run, Resolution::Done, party(name, "inbox")).await.unwrap()
    };
    let own = resolve("carol", &doubtful.0).await;
    assert_eq!(own, Resolved::NotAllowed(VoteRefused::Requester));
    let Resolved::To(after) = resolve("bob", &doubtful.0).await else { panic!("not resolved") };
    assert_eq!(after.state, RunState::Done);
    // A call came through a client of an agent's, which carries no decision.
    let called = NewRun { caller: party("carol", "inbox"), ..keyed("k2", "a") };
    let doubtful = start(&store, called).await;
    end(&store, &doubtful, unknown()).await;
    let same = resolve("bob", &doubtful.0).await;
    assert_eq!(same, Resolved::NotAllowed(VoteRefused::SameClient));
}

async fn only_a_done_run_of_the_same_tenant_is_rolled_back_and_in_time(desk: Desk) {
    let store = desk.open().await;
    let run = start(&store, keyed("k", "a")).await;
    let attempt = async |of, tenant: &str| {
        let caller = Party { tenant: tenant.to_owned(), ..alice() };
        store.commit_run(NewRun { caller, ..back(of) }).await.unwrap()
    };
    assert_eq!(attempt(RunId::random(), "acme").await, refused(RollbackRefused::NotFound));
    assert_eq!(attempt(run.0, "acme").await, refused(RollbackRefused::NotDone));
    end(&store, &run, revocable(json!(1))).await;
    assert_eq!(attempt(run.0, "globex").await, refused(RollbackRefused::NotFound));
    let plain = start(&store, keyed("k2", "a")).await;
    end(&store, &plain, done(None)).await;
    assert_eq!(attempt(plain.0, "acme").await, refused(RollbackRefused::NotOffered));
    desk.clock.advance_millis(10 * 24 * HOUR - 1);
    let last = start(&store, back(run.0)).await;
    end(&store, &last, no_effect()).await;
    desk.clock.advance_millis(1);
    assert_eq!(attempt(run.0, "acme").await, refused(RollbackRefused::Expired));
}

async fn a_run_that_can_be_rolled_back_is_kept(desk: Desk) {
    let store = desk.open().await;
    let run = start(&store, keyed("k", "a")).await;
    end(&store, &run, revocable(json!({"refund_id": 1}))).await;
    desk.clock.advance_millis(9 * 24 * HOUR);
    store.expire_due().await.unwrap();
    assert!(store.run(&run.0).await.unwrap().is_some());
    desk.clock.advance_millis(24 * HOUR);
    store.expire_due().await.unwrap();
    assert_eq!(store.run(&run.0).await.unwrap(), None);
}
