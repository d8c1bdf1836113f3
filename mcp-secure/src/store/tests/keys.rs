use super::*;

cases! {
    a_key_answers_within_its_window_and_is_free_after_it,
    a_key_is_taken_once_when_two_processes_race,
    a_call_that_had_no_effect_frees_its_key,
    a_broken_promise_is_answered_under_the_key_too,
    a_refused_commit_keeps_no_key,
    a_doubt_holds_its_key_past_every_window,
    only_the_same_call_of_a_rerunnable_tool_runs_again_after_a_doubt,
    a_rerun_without_effect_gives_the_key_back_to_the_doubt,
    a_key_goes_back_along_every_doubt_until_people_have_resolved_them_all,
    a_lapsed_lease_holds_its_key_until_it_is_looked_into,
    a_key_and_an_approval_are_taken_together_or_not_at_all,
    a_row_whose_key_still_answers_is_kept,
}

fn taken() -> Committed {
    Committed::Refused(CommitRefused::KeyTaken)
}

async fn a_key_answers_within_its_window_and_is_free_after_it(desk: Desk) {
    let (store, elsewhere) = (desk.open().await, desk.open().await);
    assert_eq!(key_of(&store, "k").await, None);
    let run = start(&store, keyed("k", "a")).await;
    let found = elsewhere.idempotent(&Digest::of_bytes(b"k")).await.unwrap().unwrap();
    assert_eq!(
        (found.run, &found.caller, found.arguments),
        (run.0, &alice(), Digest::of_bytes(b"a"))
    );
    assert!(
        matches!(found.state, KeyState::Running { lease_until } if lease_until > desk.clock.now())
    );
    assert_eq!(elsewhere.commit_run(keyed("k", "a")).await.unwrap(), taken());
    end(&store, &run, done(Some(json!({"receipt": 1})))).await;
    let answer = KeyState::Ended { answer: Some(json!({"receipt": 1})) };
    assert_eq!(key_of(&elsewhere, "k").await, Some(answer.clone()));
    desk.clock.advance_millis(999);
    assert_eq!(elsewhere.commit_run(keyed("k", "b")).await.unwrap(), taken());
    assert_eq!(key_of(&store, "k").await, Some(answer));
    desk.clock.advance_millis(1);
    assert_eq!(key_of(&store, "k").await, None);
    let next = start(&elsewhere, keyed("k", "b")).await;
    assert_ne!(next.0, run.0);
    assert!(matches!(key_of(&store, "k").await, Some(KeyState::Running { .. })));
    assert_eq!(store.run(&run.0).await.unwrap().unwrap().state, RunState::Done);
}

async fn a_key_is_taken_once_when_two_processes_race(desk: Desk) {
    let (a, b) = (desk.open().await, desk.open().await);
    for n in 0..200 {
        let key = format!("k{n}");
        let (x, y) = tokio::join!(a.commit_run(keyed(&key, "a")), b.commit_run(keyed(&key, "a")));
        let answers = [x.unwrap(), y.unwrap()];
        let ran = answers.iter().filter(|c| matches!(c, Committed::Running { .. })).count();
        assert_eq!((ran, answers.contains(&taken())), (1, true), "{answers:?}");
    }
}

async fn a_call_that_had_no_effect_frees_its_key(desk: Desk) {
    let store = desk.open().await;
    let run = start(&store, keyed("k", "a")).await;
    end(&store, &run, no_effect()).await;
    assert_eq!(key_of(&store, "k").await, None);
    start(&store, keyed("k", "b")).await;
}

async fn a_broken_promise_is_answered_under_the_key_too(desk: Desk) {
    let store = desk.open().await;
    let run = start(&store, keyed("k", "a")).await;
    let answer = Some(json!({"code": "output_refused"}));
    let failed = RunResult::Failed { error: "output_refused".to_owned(), answer: answer.clone() };
    end(&store, &run, failed).await;
    assert_eq!(key_of(&store, "k").await, Some(KeyState::Ended { answer }));
}

async fn a_refused_commit_keeps_no_key(desk: Desk) {
    let store = desk.open().await;
    let pending = ask(&store, refund(1)).await;
    let refused = NewRun { idempotency: keyed("k", "a").idempotency, ..run_of(&pending) };
    let answer = store.commit_run(refused.clone()).await.unwrap();
    assert_eq!(answer, Committed::Refused(CommitRefused::ApprovalNotApproved(StateKind::Pending)));
    assert_eq!(key_of(&store, "k").await, None);
    assert_eq!(store.run(&refused.run_id).await.unwrap(), None);
    start(&store, keyed("k", "a")).await;
}

async fn a_doubt_holds_its_key_past_every_window(desk: Desk) {
    let store = desk.open().await;
    let run = start(&store, keyed("k", "a")).await;
    end(&store, &run, unknown()).await;
    desk.clock.advance_millis(1000 * 24 * HOUR);
    store.expire_due().await.unwrap();
    assert_eq!(key_of(&store, "k").await, Some(KeyState::InDoubt));
    assert_eq!(store.commit_run(keyed("k", "a")).await.unwrap(), taken());
    assert_eq!(store.run(&run.0).await.unwrap().unwrap().state, RunState::InDoubt);
}

async fn only_the_same_call_of_a_rerunnable_tool_runs_again_after_a_doubt(desk: Desk) {
    let store = desk.open().await;
    let first = start(&store, keyed("k", "a")).await;
    // While it runs nobody runs it again.
    assert_eq!(store.commit_run(rerunnable("k", "a")).await.unwrap(), taken());
    end(&store, &first, unknown()).await;
    let other_account = NewRun { caller: party("carol", "agent"), ..rerunnable("k", "a") };
    for refused in [keyed("k", "a"), rerunnable("k", "b"), other_account] {
        assert_eq!(store.commit_run(refused).await.unwrap(), taken());
    }
    let again = start(&store, rerunnable("k", "a")).await;
    end(&store, &again, done(Some(json!(2)))).await;
    assert_eq!(key_of(&store, "k").await, Some(KeyState::Ended { answer: Some(json!(2)) }));
    // The first doubt stays, and ending it leaves the key where it is.
    assert_eq!(end(&store, &first, done(Some(json!(1)))).await, Finished::Late);
    let resolved =
        store.resolve_run(&first.0, Resolution::Done, party("bob", "cli")).await.unwrap();
    assert!(matches!(resolved, Resolved::To(run) if run.state == RunState::Done));
    assert_eq!(key_of(&store, "k").await, Some(KeyState::Ended { answer: Some(json!(2)) }));
}

async fn a_rerun_without_effect_gives_the_key_back_to_the_doubt(desk: Desk) {
    let store = desk.open().await;
    let first = start(&store, keyed("k", "a")).await;
    end(&store, &first, unknown()).await;
    for _ in 0..2 {
        let again = start(&store, rerunnable("k", "a")).await;
        end(&store, &again, no_effect()).await;
        let holder = store.idempotent(&Digest::of_bytes(b"k")).await.unwrap().unwrap();
        assert_eq!((holder.run, holder.state), (first.0, KeyState::InDoubt));
        assert_eq!(holder.arguments, Digest::of_bytes(b"a"));
    }
    desk.clock.advance_millis(1000 * 24 * HOUR);
    store.expire_due().await.unwrap();
    let colleague = NewRun { caller: party("carol", "agent"), ..rerunnable("k", "a") };
    for refused in [keyed("k", "a"), keyed("k", "b"), rerunnable("k", "b"), colleague] {
        assert_eq!(store.commit_run(refused).await.unwrap(), taken());
    }
    // What a person found repeats for the window that the key was taken with.
    store.resolve_run(&first.0, Resolution::Done, party("bob", "cli")).await.unwrap();
    assert_eq!(key_of(&store, "k").await, Some(KeyState::Ended { answer: None }));
    desk.clock.advance_millis(1_000);
    start(&store, keyed("k", "b")).await;
}

async fn a_key_goes_back_along_every_doubt_until_people_have_resolved_them_all(desk: Desk) {
    let store = desk.open().await;
    let holder = async || store.idempotent(&Digest::of_bytes(b"k")).await.unwrap().map(|k| k.run);
    let resolve = async |run: &(RunId, Fence), found| {
        let resolved = store.resolve_run(&run.0, found, party("bob", "cli")).await.unwrap();
        assert!(matches!(resolved, Resolved::To(_)), "{resolved:?}");
    };
    let mut doubts = Vec::new();
    for _ in 0..4 {
        let run = start(&store, rerunnable("k", "a")).await;
        end(&store, &run, unknown()).await;
        doubts.push(run);
    }
    // One that never had an effect, while it does not have the key, is passed over.
    resolve(&doubts[2], Resolution::NotDone).await;
    assert_eq!(holder().await, Some(doubts[3].0));
    resolve(&doubts[3], Resolution::NotDone).await;
    assert_eq!(holder().await, Some(doubts[1].0));
    // One that was found done answers once no doubt is left.
    resolve(&doubts[0], Resolution::Done).await;
    resolve(&doubts[1], Resolution::NotDone).await;
    assert_eq!(key_of(&store, "k").await, Some(KeyState::Ended { answer: None }));
    assert_eq!(holder().await, Some(doubts[0].0));
    desk.clock.advance_millis(1_000);
    assert_eq!(holder().await, None);
    start(&store, keyed("k", "b")).await;
}

async fn a_lapsed_lease_holds_its_key_until_it_is_looked_into(desk: Desk) {
    let store = desk.open().await;
    let run = start(&store, keyed("k", "a")).await;
    desk.clock.advance_millis(30_000);
    assert!(matches!(key_of(&store, "k").await, Some(KeyState::Running { .. })));
    assert_eq!(store.commit_run(rerunnable("k", "a")).await.unwrap(), taken());
    let lapsed = store.recover().await.unwrap();
    assert_eq!(lapsed.iter().map(|l| l.run_id).collect::<Vec<_>>(), [run.0]);
    assert_eq!(key_of(&store, "k").await, Some(KeyState::InDoubt));
    start(&store, rerunnable("k", "a")).await;
}

async fn a_key_and_an_approval_are_taken_together_or_not_at_all(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, refund(1)).await;
    let holder = start(&store, keyed("k", "a")).await;
    let both = NewRun { idempotency: keyed("k", "a").idempotency, ..run_of(&asked) };
    assert_eq!(store.commit_run(both.clone()).await.unwrap(), taken());
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::Approved);
    end(&store, &holder, no_effect()).await;
    let run = start(&store, both).await;
    assert!(matches!(key_of(&store, "k").await, Some(KeyState::Running { .. })));
    end(&store, &run, done(Some(json!(7)))).await;
    assert_eq!(key_of(&store, "k").await, Some(KeyState::Ended { answer: Some(json!(7)) }));
    let found = store.approval_for(&asked.effect).await.unwrap().unwrap();
    assert_eq!(found.answer, Some(json!(7)));
}

async fn a_row_whose_key_still_answers_is_kept(desk: Desk) {
    let store = desk.open().await;
    let long = NewKey { window_ms: 100 * 24 * 3_600_000, ..keyed("k", "a").idempotency.unwrap() };
    let run = start(&store, NewRun { idempotency: Some(long), ..keyed("k", "a") }).await;
    end(&store, &run, done(Some(json!(1)))).await;
    desk.clock.advance_millis(99 * 24 * HOUR);
    store.expire_due().await.unwrap();
    assert_eq!(key_of(&store, "k").await, Some(KeyState::Ended { answer: Some(json!(1)) }));
    desk.clock.advance_millis(24 * HOUR);
    store.expire_due().await.unwrap();
    assert_eq!(store.run(&run.0).await.unwrap(), None);
}
