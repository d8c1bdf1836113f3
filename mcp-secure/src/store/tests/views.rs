use super::*;

cases! {
    a_run_reads_back_as_it_went,
    runs_are_listed_newest_first_by_tenant_tool_and_state,
    a_list_of_runs_goes_on_after_any_of_them_also_once_it_is_dropped,
    a_run_that_can_not_be_read_is_listed_as_such_and_hides_no_other,
    somebody_else_resolves_a_run_in_doubt,
    a_doubt_that_is_resolved_moves_key_and_approval_along,
    resolving_the_approval_resolves_its_key_too,
}

async fn a_run_reads_back_as_it_went(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, refund(1)).await;
    let run = start(&store, run_of(&asked)).await;
    let record = store.run(&run.0).await.unwrap().unwrap();
    assert_eq!(
        record,
        RunRecord {
            run_id: run.0,
            request_id: "req-1".to_owned(),
            tool: "request_refund".to_owned(),
            effect: asked.effect,
            caller: alice(),
            mutating: true,
            approval: Some(asked.id),
            state: RunState::Running,
            started: desk.clock.now(),
            finished: None,
            lease_until: desk.clock.now().plus_millis(30_000),
            rollback: None,
            compensates: None,
            late: false,
            error: None,
        }
    );
    desk.clock.advance_millis(5);
    end(&store, &run, no_effect()).await;
    let after = store.run(&run.0).await.unwrap().unwrap();
    assert_eq!((after.state, after.finished), (RunState::NoEffect, Some(desk.clock.now())));
    assert_eq!(after.error.as_deref(), Some("the bank said no"));
    assert_eq!(store.run(&RunId::random()).await.unwrap(), None);
}

async fn runs_are_listed_newest_first_by_tenant_tool_and_state(desk: Desk) {
    let store = desk.open().await;
    let first = start(&store, keyed("k1", "a")).await;
    let second = start(&store, NewRun { tool: "close".to_owned(), ..keyed("k2", "a") }).await;
    let caller = Party { tenant: "globex".to_owned(), ..alice() };
    let third = start(&store, NewRun { caller, ..keyed("k3", "a") }).await;
    end(&store, &second, unknown()).await;
    let list = async |tenant: Option<&str>, state, tool: Option<&str>, limit| {
        let (tenant, tool) = (tenant.map(str::to_owned), tool.map(str::to_owned));
        let filter = RunFilter { tenant, state, tool, ..RunFilter::default() };
        let found = store.runs(filter, limit).await.unwrap();
        found.into_iter().map(|line| line.at().1).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, None, 10).await, [third.0, second.0, first.0]);
    assert_eq!(list(None, None, None, 1).await, [third.0]);
    assert_eq!(list(Some("acme"), None, None, 10).await, [second.0, first.0]);
    assert_eq!(list(None, None, Some("close"), 10).await, [second.0]);
    assert_eq!(list(None, Some(RunState::InDoubt), None, 10).await, [second.0]);
    assert_eq!(list(Some("globex"), Some(RunState::InDoubt), None, 10).await, []);
    for state in RunState::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
    }
}

async fn a_list_of_runs_goes_on_after_any_of_them_also_once_it_is_dropped(desk: Desk) {
    let store = desk.open().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(start(&store, keyed(&format!("k{n}"), "a")).await.0);
        // Some begin in the same millisecond.
        desk.clock.advance_millis(n % 2);
    }
    ids.reverse();
    let page = async |after, limit| {
        let tenant = Some("acme".to_owned());
        store.runs(RunFilter { tenant, after, ..RunFilter::default() }, limit).await.unwrap()
    };
    let names = |page: &[ListedRun]| page.iter().map(|line| line.at().1).collect::<Vec<_>>();
    let whole = page(None, 10).await;
    assert_eq!(names(&whole), ids);
    for (n, line) in whole.iter().enumerate() {
        assert_eq!(names(&page(Some(line.at()), 10).await), ids[n + 1..]);
        assert_eq!(
            names(&page(Some(line.at()), 2).await),
            ids[n + 1..].iter().take(2).copied().collect::<Vec<_>>()
        );
    }
    // What is dropped while somebody reads does not end the list, nor does anything go missing.
    for (n, line) in whole.iter().enumerate() {
        desk.change(&format!("DELETE FROM runs WHERE run_id = '{}'", line.at().1));
        let rest = names(&page(Some(line.at()), 10).await);
        assert!(rest.ends_with(&ids[n + 1..]), "{rest:?} after {n}");
    }
    assert_eq!(page(None, 10).await, []);
    let never = (Timestamp::from_millis(0), RunId::random());
    assert_eq!(page(Some(never), 10).await, []);
}

async fn a_run_that_can_not_be_read_is_listed_as_such_and_hides_no_other(desk: Desk) {
    let store = desk.open().await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(start(&store, keyed(&format!("k{n}"), "a")).await.0);
    }
    ids.reverse();
    let spoil = |n: usize, what: &str| {
        desk.change(&format!("UPDATE runs SET {what} WHERE run_id = '{}'", ids[n]));
    };
    spoil(1, "run = '{'");
    // One without even an id is no line, and costs the page none.
    spoil(2, "run_id = 'nobody', run = '{'");
    let filter = RunFilter { tenant: Some("acme".to_owned()), ..RunFilter::default() };
    for limit in [3, 10] {
        let lines = store.runs(filter.clone(), limit).await.unwrap();
        assert_eq!(
            lines.iter().map(|line| line.at().1).collect::<Vec<_>>(),
            [ids[0], ids[1], ids[3]]
        );
        let unreadable = UnreadableRun {
            run_id: ids[1],
            tool: "request_refund".to_owned(),
            state: RunState::Running,
            started: desk.clock.now(),
        };
        assert_eq!(lines[1], ListedRun::Unreadable(unreadable));
        assert!(lines[0].clone().readable().is_some() && lines[1].clone().readable().is_none());
    }
    // It is found as the others are.
    let close = RunFilter { tool: Some("close".to_owned()), ..filter.clone() };
    assert_eq!(store.runs(close, 10).await.unwrap(), []);
    let running = RunFilter { state: Some(RunState::Running), ..filter };
    assert_eq!(store.runs(running, 10).await.unwrap().len(), 3);
}

async fn somebody_else_resolves_a_run_in_doubt(desk: Desk) {
    let store = desk.open().await;
    let run = start(&store, keyed("k", "a")).await;
    let resolve = async |by| store.resolve_run(&run.0, Resolution::Done, by).await.unwrap();
    let bob = || party("bob", "cli");
    assert_eq!(resolve(bob()).await, Resolved::NotInDoubt(RunState::Running));
    end(&store, &run, unknown()).await;
    let not = Resolved::NotAllowed;
    assert_eq!(resolve(party("alice", "cli")).await, not(VoteRefused::Requester));
    assert_eq!(resolve(Party { person: None, ..bob() }).await, not(VoteRefused::NoPerson));
    let acting = Party { actors: vec!["robot".to_owned()], ..bob() };
    assert_eq!(resolve(acting).await, not(VoteRefused::Delegated));
    let stranger = Party { tenant: "globex".to_owned(), ..bob() };
    assert_eq!(resolve(stranger).await, Resolved::NotFound);
    assert!(matches!(resolve(bob()).await, Resolved::To(r) if r.state == RunState::Done));
    assert_eq!(resolve(bob()).await, Resolved::NotInDoubt(RunState::Done));
    let unknown = store.resolve_run(&RunId::random(), Resolution::Done, bob()).await.unwrap();
    assert_eq!(unknown, Resolved::NotFound);
}

async fn a_doubt_that_is_resolved_moves_key_and_approval_along(desk: Desk) {
    let store = desk.open().await;
    let key = |k: &str| keyed(k, "a").idempotency;
    for (cents, found, late) in
        [(1, Resolution::Done, false), (2, Resolution::Done, true), (3, Resolution::NotDone, true)]
    {
        let name = format!("k{cents}");
        let asked = approved(&store, refund(cents)).await;
        let run = start(&store, NewRun { idempotency: key(&name), ..run_of(&asked) }).await;
        desk.clock.advance_millis(30_000);
        assert_eq!(store.recover().await.unwrap().len(), 1);
        store.told(vec![run.0], vec![]).await.unwrap();
        if late {
            let rollback = Some(NewRollback { output: json!("r"), within_ms: 1_000 });
            let result = Digest::of_bytes(b"result");
            let told = RunResult::Done { result, answer: Some(json!("late")), rollback };
            assert_eq!(end(&store, &run, told).await, Finished::Late);
        }
        let before = store.run(&run.0).await.unwrap().unwrap();
        assert_eq!((before.state, before.late), (RunState::InDoubt, late));
        let Resolved::To(after) =
            store.resolve_run(&run.0, found, party("bob", "cli")).await.unwrap()
        else {
            panic!("not resolved")
        };
        let answer = late.then(|| json!("late"));
        match found {
            Resolution::Done => {
                assert_eq!(after.state, RunState::Done);
                assert_eq!(after.rollback.is_some(), late);
                assert_eq!(
                    key_of(&store, &name).await,
                    Some(KeyState::Ended { answer: answer.clone() })
                );
                assert_eq!(kind_of(&store, &asked.id).await, StateKind::Done);
                let repeated = store.approval_for(&asked.effect).await.unwrap().unwrap().answer;
                assert_eq!(repeated, answer);
            }
            Resolution::NotDone => {
                assert_eq!((after.state, after.rollback), (RunState::NoEffect, None));
                assert_eq!(key_of(&store, &name).await, None);
                assert_eq!(kind_of(&store, &asked.id).await, StateKind::Failed);
                let again = store.commit_run(run_of(&asked)).await.unwrap();
                let consumed = CommitRefused::ApprovalNotApproved(StateKind::Failed);
                assert_eq!(again, Committed::Refused(consumed));
            }
        }
    }
}

async fn resolving_the_approval_resolves_its_key_too(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, refund(1)).await;
    let key = keyed("k", "a").idempotency;
    let run = start(&store, NewRun { idempotency: key, ..run_of(&asked) }).await;
    end(&store, &run, unknown()).await;
    let moved = store.resolve(&asked.id, Resolution::NotDone, party("bob", "cli")).await.unwrap();
    assert!(matches!(moved, Moved::To(_)));
    assert_eq!(key_of(&store, "k").await, None);
    assert_eq!(store.run(&run.0).await.unwrap().unwrap().state, RunState::NoEffect);
}
