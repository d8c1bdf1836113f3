use super::*;

cases! {
    an_approval_runs_once_when_two_processes_race,
    b04_an_approval_fits_only_the_call_that_was_approved,
    a_run_begins_once,
    an_outcome_is_written_once_and_under_its_fence,
    an_approval_stays_used_however_its_run_ends,
    a_crash_in_the_middle_is_in_doubt_and_reported_once,
    a_doubt_outlasts_every_window_and_its_late_outcome_settles_nothing,
    a_doubt_about_a_run_that_never_began_is_ended_by_who_committed_it_and_by_no_other,
    somebody_else_resolves_a_doubt_and_not_done_never_revives_it,
    what_the_audit_does_not_hold_yet_is_told_again,
    rows_of_runs_that_ended_are_dropped_and_doubts_are_kept,
    a_row_that_cannot_be_read_keeps_no_other_from_being_looked_into,
}

async fn a_row_that_cannot_be_read_keeps_no_other_from_being_looked_into(desk: Desk) {
    let store = desk.open().await;
    let held = [approved(&store, refund(1)).await, approved(&store, refund(2)).await];
    let mut runs = Vec::new();
    for run in [keyed("a", "a"), run_of(&held[0]), keyed("b", "a"), run_of(&held[1])] {
        runs.push(start(&store, run).await.0);
    }
    let ran_out = [ask(&store, refund(3)).await, ask(&store, refund(4)).await];
    // A run, the approval of a run, and a request.
    desk.change(&format!("UPDATE runs SET run = '{{' || run WHERE run_id = '{}'", runs[0]));
    for broken in [&held[0], &ran_out[0]] {
        let sql =
            format!("UPDATE approvals SET detail = '{{' || detail WHERE id = '{}'", broken.id);
        desk.change(&sql);
    }
    desk.clock.advance_millis(25 * HOUR);
    let recovered = async || {
        let lapsed = store.recover().await.unwrap();
        lapsed.iter().map(|l| l.run_id).collect::<Vec<_>>()
    };
    assert_eq!(recovered().await, [runs[2], runs[3]]);
    assert_eq!(store.expire_due().await.unwrap(), [ran_out[1].id]);
    assert_eq!(kind_of(&store, &held[1].id).await, StateKind::InDoubt);
    // The others are left as they are, and every sweep comes by them again.
    assert_eq!(recovered().await, []);
    assert_eq!(store.expire_due().await.unwrap(), []);
    assert_eq!(desk.number("SELECT count(*) FROM runs WHERE state = 'running'"), 2);
    desk.change("UPDATE runs SET run = substr(run, 2) WHERE run LIKE '{{%'");
    desk.change("UPDATE approvals SET detail = substr(detail, 2) WHERE detail LIKE '{{%'");
    assert_eq!(recovered().await, [runs[0], runs[1]]);
    assert_eq!(store.expire_due().await.unwrap(), [ran_out[0].id]);
}

async fn an_approval_runs_once_when_two_processes_race(desk: Desk) {
    let (a, b) = (desk.open().await, desk.open().await);
    for cents in 0..200 {
        let asked = approved(&a, refund(cents)).await;
        let (x, y) = tokio::join!(a.commit_run(run_of(&asked)), b.commit_run(run_of(&asked)));
        let answers = [x.unwrap(), y.unwrap()];
        let ran = answers.iter().filter(|c| matches!(c, Committed::Running { .. })).count();
        let lost = Committed::Refused(CommitRefused::ApprovalNotApproved(StateKind::Running));
        assert_eq!((ran, answers.contains(&lost)), (1, true), "{answers:?}");
    }
}

async fn b04_an_approval_fits_only_the_call_that_was_approved(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, refund(1)).await;
    let other = Digest::of_bytes(b"other arguments");
    let refusals = [
        (NewRun { effect: other, ..run_of(&asked) }, CommitRefused::StaleDigest),
        (
            NewRun { approval: Some((asked.id, other)), ..run_of(&asked) },
            CommitRefused::StaleDigest,
        ),
        (
            NewRun { effect: other, approval: Some((asked.id, other)), ..run_of(&asked) },
            CommitRefused::StaleDigest,
        ),
        // B05: an approval for one tool is none for another.
        (NewRun { tool: "close_account".to_owned(), ..run_of(&asked) }, CommitRefused::StaleDigest),
        (
            NewRun { caller: party("alice", "another client"), ..run_of(&asked) },
            CommitRefused::OtherClient,
        ),
        (
            NewRun { caller: party("mallory", "agent"), ..run_of(&asked) },
            CommitRefused::ApprovalNotFound,
        ),
        (
            NewRun { caller: Party { tenant: "globex".to_owned(), ..alice() }, ..run_of(&asked) },
            CommitRefused::ApprovalNotFound,
        ),
    ];
    for (run, why) in refusals {
        assert_eq!(store.commit_run(run).await.unwrap(), Committed::Refused(why));
    }
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::Approved);
    start(&store, run_of(&asked)).await;
}

async fn a_run_begins_once(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, refund(1)).await;
    let plain = NewRun { approval: None, ..run_of(&asked) };
    let (_, first) = start(&store, plain.clone()).await;
    let again = NewRun { run_id: plain.run_id, ..run_of(&asked) };
    assert_eq!(
        store.commit_run(again).await.unwrap(),
        Committed::Refused(CommitRefused::AlreadyRunning)
    );
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::Approved);
    let (_, second) = start(&store, run_of(&asked)).await;
    assert!(second > first);
}

async fn an_outcome_is_written_once_and_under_its_fence(desk: Desk) {
    let (store, elsewhere) = (desk.open().await, desk.open().await);
    let asked = approved(&store, refund(1)).await;
    let (run, fence) = start(&store, run_of(&asked)).await;
    let wrong = Fence(fence.number() + 1);
    assert_eq!(elsewhere.finish_run(&run, wrong, done(None)).await.unwrap(), Finished::Refused);
    assert_eq!(
        elsewhere.finish_run(&RunId::random(), fence, done(None)).await.unwrap(),
        Finished::Refused
    );
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::Running);
    assert_eq!(elsewhere.finish_run(&run, fence, done(None)).await.unwrap(), Finished::Recorded);
    let failed = RunResult::Failed { error: "x".to_owned(), answer: None };
    assert_eq!(store.finish_run(&run, fence, failed).await.unwrap(), Finished::Refused);
    let state = state_of(&store, &asked.id).await;
    assert!(
        matches!(state, State::Done { result: Some(r), .. } if r == Digest::of_bytes(b"result")),
        "{state:?}"
    );
    assert_eq!(store.renew(&run, fence, 1_000).await.unwrap(), Renewed::Lost);
}

async fn an_approval_stays_used_however_its_run_ends(desk: Desk) {
    let store = desk.open().await;
    let error = || "the bank said no".to_owned();
    let ends = [
        (done(None), StateKind::Done),
        (RunResult::Failed { error: error(), answer: None }, StateKind::Failed),
        (RunResult::NoEffect { error: error(), answer: None }, StateKind::Failed),
        (RunResult::NeverBegan { error: error(), answer: None }, StateKind::Failed),
        (RunResult::Unknown { why: error() }, StateKind::InDoubt),
    ];
    for (cents, (end, kind)) in (0..).zip(ends) {
        let asked = approved(&store, refund(cents)).await;
        let (run, fence) = start(&store, run_of(&asked)).await;
        assert_eq!(store.finish_run(&run, fence, end).await.unwrap(), Finished::Recorded);
        assert_eq!(kind_of(&store, &asked.id).await, kind);
        let again = store.commit_run(run_of(&asked)).await.unwrap();
        assert_eq!(again, Committed::Refused(CommitRefused::ApprovalNotApproved(kind)));
    }
}

async fn a_crash_in_the_middle_is_in_doubt_and_reported_once(desk: Desk) {
    let crashing = desk.open().await;
    let asked = approved(&crashing, refund(1)).await;
    let (run, _) = start(&crashing, run_of(&asked)).await;
    let (kept, fence) = start(&crashing, NewRun { approval: None, ..run_of(&asked) }).await;
    drop(crashing);

    let (a, b) = (desk.open().await, desk.open().await);
    desk.clock.advance_millis(20_000);
    assert_eq!(a.recover().await.unwrap(), []);
    assert!(matches!(a.renew(&kept, fence, 30_000).await.unwrap(), Renewed::Until(_)));
    desk.clock.advance_millis(10_000);
    let (first, second) = tokio::join!(a.recover(), b.recover());
    let lapsed = [first.unwrap(), second.unwrap()].concat();
    assert_eq!(lapsed.len(), 1);
    let found = &lapsed[0];
    assert_eq!((found.run_id, found.approval, found.mutating), (run, Some(asked.id), true));
    assert_eq!((found.request_id.as_str(), &found.caller), ("req-1", &alice()));
    assert!(
        matches!(state_of(&a, &asked.id).await, State::InDoubt { run: held, .. } if held == run)
    );
    assert_eq!(b.recover().await.unwrap(), []);
}

async fn a_doubt_outlasts_every_window_and_its_late_outcome_settles_nothing(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, refund(1)).await;
    let (run, fence) = start(&store, run_of(&asked)).await;
    desk.clock.advance_millis(30_000);
    assert_eq!(store.recover().await.unwrap().len(), 1);
    assert_eq!(store.renew(&run, fence, 1_000).await.unwrap(), Renewed::Lost);
    assert_eq!(store.finish_run(&run, fence, done(None)).await.unwrap(), Finished::Late);
    assert_eq!(store.finish_run(&run, fence, done(None)).await.unwrap(), Finished::Refused);
    desk.clock.advance_millis(1000 * 24 * HOUR);
    assert_eq!(store.expire_due().await.unwrap(), []);
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::InDoubt);
    assert!(matches!(store.request_approval(refund(1)).await.unwrap(), Requested::Existing(_)));
}

async fn a_doubt_about_a_run_that_never_began_is_ended_by_who_committed_it_and_by_no_other(
    desk: Desk,
) {
    let store = desk.open().await;
    let never = || RunResult::NeverBegan {
        error: "too late".to_owned(),
        answer: Some(json!("not carried out")),
    };
    let asked = approved(&store, refund(1)).await;
    let (run, fence) = start(&store, run_of(&asked)).await;
    let (keyed_run, last) = start(&store, keyed("k", "a")).await;
    desk.clock.advance_millis(30_000);
    let elsewhere = desk.open().await;
    assert_eq!(elsewhere.recover().await.unwrap().len(), 2);
    // Somebody else's fence, or another run's.
    for (run, fence) in [(run, last), (keyed_run, fence), (run, Fence(last.number() + 1))] {
        let refused = store.finish_run(&run, fence, never()).await.unwrap();
        assert_eq!(refused, Finished::Refused);
    }
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::InDoubt);
    assert_eq!(key_of(&store, "k").await, Some(KeyState::InDoubt));

    assert_eq!(store.finish_run(&run, fence, never()).await.unwrap(), Finished::Recorded);
    let state = state_of(&elsewhere, &asked.id).await;
    assert!(matches!(state, State::Failed { resolved_by: None, .. }), "{state:?}");
    assert_eq!(elsewhere.answer(&asked.id).await.unwrap(), Some(json!("not carried out")));
    // The approval is used up. The same call asks anew, and what that allows runs.
    let again = store.commit_run(run_of(&asked)).await.unwrap();
    let used = CommitRefused::ApprovalNotApproved(StateKind::Failed);
    assert_eq!(again, Committed::Refused(used));
    let anew = approved(&store, refund(1)).await;
    start(&store, run_of(&anew)).await;
    // The key is free, once.
    assert_eq!(store.finish_run(&keyed_run, last, never()).await.unwrap(), Finished::Recorded);
    let taken = start(&store, keyed("k", "a")).await;
    assert_eq!(store.finish_run(&keyed_run, last, never()).await.unwrap(), Finished::Refused);
    assert!(matches!(key_of(&store, "k").await, Some(KeyState::Running { .. })));
    end(&store, &taken, done(None)).await;
    // There is nothing left to resolve.
    let resolved = store.resolve_run(&run, Resolution::Done, party("bob", "cli")).await.unwrap();
    assert_eq!(resolved, Resolved::NotInDoubt(RunState::NoEffect));
}

async fn somebody_else_resolves_a_doubt_and_not_done_never_revives_it(desk: Desk) {
    let store = desk.open().await;
    for (cents, found, kind) in
        [(1, Resolution::Done, StateKind::Done), (2, Resolution::NotDone, StateKind::Failed)]
    {
        let asked = approved(&store, NewApproval { allow_requester: true, ..refund(cents) }).await;
        let (run, fence) = start(&store, run_of(&asked)).await;
        let early = store.resolve(&asked.id, found, party("bob", "cli")).await.unwrap();
        assert_eq!(early, Moved::Refused(TransitionRefused::From(StateKind::Running)));
        store.finish_run(&run, fence, RunResult::Unknown { why: "lost".to_owned() }).await.unwrap();
        let own = store.resolve(&asked.id, found, party("alice", "cli")).await.unwrap();
        assert_eq!(own, Moved::NotAllowed(VoteRefused::Requester));
        let stranger = Party { tenant: "globex".to_owned(), ..party("bob", "cli") };
        assert_eq!(store.resolve(&asked.id, found, stranger).await.unwrap(), Moved::NotFound);
        let Moved::To(after) = store.resolve(&asked.id, found, party("bob", "cli")).await.unwrap()
        else {
            panic!("not resolved")
        };
        assert_eq!(after.state.kind(), kind);
        let again = store.commit_run(run_of(&asked)).await.unwrap();
        assert_eq!(again, Committed::Refused(CommitRefused::ApprovalNotApproved(kind)));
        assert_eq!(store.finish_run(&run, fence, done(None)).await.unwrap(), Finished::Refused);
    }
}

async fn rows_of_runs_that_ended_are_dropped_and_doubts_are_kept(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, refund(1)).await;
    let (over, fence) = start(&store, run_of(&asked)).await;
    store.finish_run(&over, fence, done(None)).await.unwrap();
    let (doubtful, last) = start(&store, NewRun { approval: None, ..run_of(&asked) }).await;
    desk.clock.advance_millis(24 * HOUR);
    assert_eq!(store.recover().await.unwrap().len(), 1);
    store.expire_due().await.unwrap();
    assert_eq!(store.finish_run(&doubtful, last, done(None)).await.unwrap(), Finished::Late);
    // A dropped row gives its id free, and never its fence.
    let (_, fence) = start(&store, NewRun { run_id: over, approval: None, ..run_of(&asked) }).await;
    assert!(fence > last);
}

async fn what_the_audit_does_not_hold_yet_is_told_again(desk: Desk) {
    let (a, b) = (desk.open().await, desk.open().await);
    let ran_out = ask(&a, refund(1)).await.id;
    let run = start(&a, keyed("k", "a")).await.0;
    desk.clock.advance_millis(25 * HOUR);
    let told = async |store: &Shared| {
        let runs = store.recover().await.unwrap().iter().map(|l| l.run_id).collect::<Vec<_>>();
        (runs, store.expire_due().await.unwrap())
    };
    // Whoever got the first two answers died with them.
    for store in [&a, &b] {
        assert_eq!(told(store).await, (vec![run], vec![ran_out]));
        for other in [&a, &b] {
            assert_eq!(told(other).await, (vec![], vec![]), "one at a time is to tell it");
        }
        desk.clock.advance_millis(30_000);
    }
    // A person may have been faster, and the row is kept for as long as it has something to tell.
    a.resolve_run(&run, Resolution::NotDone, party("bob", "cli")).await.unwrap();
    desk.clock.advance_millis(48 * HOUR);
    assert_eq!(a.expire_due().await.unwrap(), [ran_out]);
    assert_eq!(a.recover().await.unwrap().len(), 1);
    b.told(vec![run], vec![ran_out]).await.unwrap();
    desk.clock.advance_millis(30_000);
    assert_eq!(told(&a).await, (vec![], vec![]));
    assert_eq!(b.run(&run).await.unwrap(), None);
}
