use super::*;
use crate::approval::masked;

cases! {
    a_request_reads_back_as_it_was_asked,
    the_same_effect_is_never_asked_for_twice_at_once,
    one_request_is_made_when_two_processes_ask_at_once,
    a_requester_has_only_so_many_requests_pending,
    b02_a_stale_decision_resolves_nothing,
    b01_a_declined_call_never_runs,
    b08_an_approval_nobody_voted_for_does_not_run,
    b30_the_requester_is_refused_by_the_store_itself,
    a_quorum_counts_each_person_once_when_votes_race,
    b37_a_decision_cannot_be_replayed,
    b21_what_is_not_decided_in_time_is_denied,
    an_approval_that_is_not_used_in_time_expires_too,
    only_the_requester_withdraws_and_only_what_is_pending,
    a_void_approval_never_runs,
    only_what_stands_is_voided_and_all_of_it_at_once,
    b26_an_id_alone_reads_nobodys_answer,
    a_done_answer_repeats_for_a_day_and_is_then_forgotten,
    lists_are_by_tenant_and_by_the_state_as_it_is_now,
}

async fn a_request_reads_back_as_it_was_asked(desk: Desk) {
    let store = desk.open().await;
    let mut new = refund(4_999);
    new.arguments = masked(&new.arguments, &["order_id"]);
    let asked = ask(&store, new).await;
    assert_eq!(asked.state, State::Pending);
    assert_eq!(asked.expires, asked.created.plus_millis(24 * HOUR));
    let elsewhere = desk.open().await;
    assert_eq!(elsewhere.approval(&asked.id).await.unwrap(), Some(asked.clone()));
    assert_eq!(elsewhere.approval_for(&asked.effect).await.unwrap(), Some(asked));
    assert_eq!(elsewhere.approval(&ApprovalId::random()).await.unwrap(), None);
}

async fn the_same_effect_is_never_asked_for_twice_at_once(desk: Desk) {
    let (store, elsewhere) = (desk.open().await, desk.open().await);
    let first = ask(&store, refund(1)).await;
    let again = NewApproval { requester: party("alice", "another client"), ..refund(1) };
    let Requested::Existing(found) = elsewhere.request_approval(again).await.unwrap() else {
        panic!("a second one")
    };
    assert_eq!(found.id, first.id);
    approve(&elsewhere, &first, "bob").await;
    let (run, fence) = start(&store, run_of(&first)).await;
    for _ in 0..2 {
        let Requested::Existing(found) = store.request_approval(refund(1)).await.unwrap() else {
            panic!("again")
        };
        assert_eq!(found.id, first.id);
        store
            .finish_run(&run, fence, RunResult::Unknown { why: "it panicked".to_owned() })
            .await
            .unwrap();
    }
    assert_eq!(kind_of(&store, &first.id).await, StateKind::InDoubt);
}

async fn one_request_is_made_when_two_processes_ask_at_once(desk: Desk) {
    let (a, b) = (desk.open().await, desk.open().await);
    for cents in 0..50 {
        let new = || NewApproval { max_pending: 1000, ..refund(cents) };
        let (x, y) = tokio::join!(a.request_approval(new()), b.request_approval(new()));
        let created =
            [x.unwrap(), y.unwrap()].iter().filter(|r| matches!(r, Requested::Created(_))).count();
        assert_eq!(created, 1);
    }
}

async fn a_requester_has_only_so_many_requests_pending(desk: Desk) {
    let store = desk.open().await;
    let new = |cents| NewApproval { max_pending: 2, ..refund(cents) };
    let first = ask(&store, new(1)).await;
    ask(&store, new(2)).await;
    assert_eq!(store.request_approval(new(3)).await.unwrap(), Requested::TooManyPending(2));
    ask(&store, NewApproval { requester: party("dave", "agent"), ..new(4) }).await;
    store.withdraw(&first.id, alice()).await.unwrap();
    ask(&store, new(3)).await;
}

async fn b02_a_stale_decision_resolves_nothing(desk: Desk) {
    let store = desk.open().await;
    let (first, second) = (ask(&store, refund(1)).await, ask(&store, refund(2)).await);
    let crossed =
        store.decide(&first.id, second.effect, vote("bob", Verdict::Approve)).await.unwrap();
    assert_eq!(crossed, Decided::Refused(VoteRefused::StaleDigest));
    let unknown = store
        .decide(&ApprovalId::random(), first.effect, vote("bob", Verdict::Approve))
        .await
        .unwrap();
    assert_eq!(unknown, Decided::Refused(VoteRefused::NotFound));
    for id in [first.id, second.id] {
        assert_eq!(state_of(&store, &id).await, State::Pending);
    }
}

async fn b01_a_declined_call_never_runs(desk: Desk) {
    let store = desk.open().await;
    let asked = ask(&store, refund(1)).await;
    let denied = store.decide(&asked.id, asked.effect, vote("bob", Verdict::Deny)).await.unwrap();
    assert!(matches!(denied, Decided::Counted(a) if a.state.kind() == StateKind::Denied));
    let refused = store.commit_run(run_of(&asked)).await.unwrap();
    assert_eq!(refused, Committed::Refused(CommitRefused::ApprovalNotApproved(StateKind::Denied)));
    // B06: neither a second try nor a second voter brings it back.
    let late = approve(&store, &asked, "carol").await;
    assert_eq!(late, Decided::Refused(VoteRefused::NotPending(StateKind::Denied)));
    let Requested::Existing(found) = store.request_approval(refund(1)).await.unwrap() else {
        panic!("asked again")
    };
    assert_eq!((found.id, found.state.kind()), (asked.id, StateKind::Denied));
    desk.clock.advance_millis(24 * HOUR);
    assert_eq!(store.approval_for(&asked.effect).await.unwrap(), None);
    assert_ne!(ask(&store, refund(1)).await.id, asked.id);
}

async fn b08_an_approval_nobody_voted_for_does_not_run(desk: Desk) {
    let store = desk.open().await;
    let asked = ask(&store, refund(1)).await;
    let early = store.commit_run(run_of(&asked)).await.unwrap();
    assert_eq!(early, Committed::Refused(CommitRefused::ApprovalNotApproved(StateKind::Pending)));
    let forged = NewRun { approval: Some((ApprovalId::random(), asked.effect)), ..run_of(&asked) };
    assert_eq!(
        store.commit_run(forged).await.unwrap(),
        Committed::Refused(CommitRefused::ApprovalNotFound)
    );
    assert_eq!(state_of(&store, &asked.id).await, State::Pending);
}

async fn b30_the_requester_is_refused_by_the_store_itself(desk: Desk) {
    let store = desk.open().await;
    let asked = ask(&store, refund(1)).await;
    assert_eq!(approve(&store, &asked, "alice").await, Decided::Refused(VoteRefused::Requester));
    assert_eq!(store.approval(&asked.id).await.unwrap().unwrap().votes, []);
}

async fn a_quorum_counts_each_person_once_when_votes_race(desk: Desk) {
    let (a, b) = (desk.open().await, desk.open().await);
    let asked = ask(&a, NewApproval { quorum: 2, ..refund(1) }).await;
    let (x, y) = tokio::join!(approve(&a, &asked, "bob"), approve(&b, &asked, "bob"));
    let refused =
        [&x, &y].iter().filter(|d| ***d == Decided::Refused(VoteRefused::AlreadyVoted)).count();
    assert_eq!(refused, 1);
    assert_eq!(state_of(&a, &asked.id).await, State::Pending);
    let Decided::Counted(after) = approve(&b, &asked, "carol").await else {
        panic!("carol's vote is refused")
    };
    assert_eq!(after.state.kind(), StateKind::Approved);
    let persons: Vec<_> = after.votes.iter().map(|v| v.person.as_str()).collect();
    assert_eq!(persons, ["bob", "carol"]);
    let bob = &after.votes[0];
    assert_eq!(
        (bob.reason.as_deref(), bob.policy.as_deref()),
        (Some("seen the order"), Some("leads-decide"))
    );
}

async fn b37_a_decision_cannot_be_replayed(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, refund(1)).await;
    let again = approve(&store, &asked, "bob").await;
    assert_eq!(again, Decided::Refused(VoteRefused::NotPending(StateKind::Approved)));
    let (run, fence) = start(&store, run_of(&asked)).await;
    store
        .finish_run(&run, fence, RunResult::Failed { error: "declined".to_owned(), answer: None })
        .await
        .unwrap();
    // The same effect is a new request now, and the old decision does not carry over to it.
    let next = ask(&store, refund(1)).await;
    let replayed =
        store.decide(&asked.id, asked.effect, vote("bob", Verdict::Approve)).await.unwrap();
    assert_eq!(replayed, Decided::Refused(VoteRefused::NotPending(StateKind::Failed)));
    assert_eq!(state_of(&store, &next.id).await, State::Pending);
}

async fn b21_what_is_not_decided_in_time_is_denied(desk: Desk) {
    let (store, elsewhere) = (desk.open().await, desk.open().await);
    let asked = ask(&store, NewApproval { expires_in_ms: 1_000, ..refund(1) }).await;
    desk.clock.advance_millis(1_000);
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::Expired);
    assert_eq!(approve(&store, &asked, "bob").await, Decided::Refused(VoteRefused::Expired));
    assert_eq!(store.approval_for(&asked.effect).await.unwrap(), None);
    // Whoever asked hears of it once, and then can ask anew.
    let Requested::RanOut(told) = store.request_approval(refund(1)).await.unwrap() else {
        panic!("the requester never hears that the request ran out");
    };
    assert_eq!(told.id, asked.id);
    let again = ask(&store, refund(1)).await;
    assert_ne!(again.id, asked.id);
    // It made room for the new request, and the audit still hears of it, once.
    assert_eq!(elsewhere.expire_due().await.unwrap(), [asked.id]);
    assert_eq!(store.expire_due().await.unwrap(), []);
}

async fn an_approval_that_is_not_used_in_time_expires_too(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, NewApproval { expires_in_ms: 1_000, ..refund(1) }).await;
    desk.clock.advance_millis(1_000);
    let late = store.commit_run(run_of(&asked)).await.unwrap();
    assert_eq!(late, Committed::Refused(CommitRefused::ApprovalExpired));
    assert_eq!(store.expire_due().await.unwrap(), [asked.id]);
    let later = store.commit_run(run_of(&asked)).await.unwrap();
    assert_eq!(later, Committed::Refused(CommitRefused::ApprovalNotApproved(StateKind::Expired)));
}

async fn only_the_requester_withdraws_and_only_what_is_pending(desk: Desk) {
    let store = desk.open().await;
    let asked = ask(&store, refund(1)).await;
    let other_tenant = Party { tenant: "globex".to_owned(), ..alice() };
    for stranger in [party("bob", "agent"), other_tenant] {
        assert_eq!(store.withdraw(&asked.id, stranger).await.unwrap(), Moved::NotFound);
    }
    assert!(matches!(store.withdraw(&asked.id, alice()).await.unwrap(), Moved::To(_)));
    let refused = Moved::Refused(TransitionRefused::From(StateKind::Withdrawn));
    assert_eq!(store.withdraw(&asked.id, alice()).await.unwrap(), refused);
    assert_eq!(
        approve(&store, &asked, "bob").await,
        Decided::Refused(VoteRefused::NotPending(StateKind::Withdrawn))
    );
}

async fn a_void_approval_never_runs(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, refund(1)).await;
    let Moved::To(void) = store.void_approval(&asked.id, "the preview changed").await.unwrap()
    else {
        panic!("kept")
    };
    assert!(matches!(&void.state, State::Void { why, .. } if why == "the preview changed"));
    let refused = store.commit_run(run_of(&asked)).await.unwrap();
    assert_eq!(refused, Committed::Refused(CommitRefused::ApprovalNotApproved(StateKind::Void)));
    assert_eq!(store.void_approval(&ApprovalId::random(), "x").await.unwrap(), Moved::NotFound);
}

async fn only_what_stands_is_voided_and_all_of_it_at_once(desk: Desk) {
    let store = desk.open().await;
    let (waiting, agreed) = (ask(&store, refund(1)).await, approved(&store, refund(2)).await);
    let (used, kept) = (approved(&store, refund(3)).await, approved(&store, refund(4)).await);
    let run = start(&store, run_of(&used)).await;
    let ids = vec![used.id, waiting.id, agreed.id, ApprovalId::random()];
    let gone = store.void_approvals(ids.clone(), "an old copy").await.unwrap();
    let mut gone: Vec<_> = gone.iter().map(|a| (a.id, a.state.kind())).collect();
    gone.sort_by_key(|(id, _)| *id == agreed.id);
    assert_eq!(gone, [(waiting.id, StateKind::Withdrawn), (agreed.id, StateKind::Void)]);
    assert_eq!(store.void_approvals(ids, "again").await.unwrap(), []);
    for (asked, kind) in [
        (&waiting, StateKind::Withdrawn),
        (&agreed, StateKind::Void),
        (&used, StateKind::Running),
        (&kept, StateKind::Approved),
    ] {
        assert_eq!(kind_of(&store, &asked.id).await, kind);
    }
    let void = Committed::Refused(CommitRefused::ApprovalNotApproved(StateKind::Void));
    assert_eq!(store.commit_run(run_of(&agreed)).await.unwrap(), void);
    assert_eq!(end(&store, &run, done(None)).await, Finished::Recorded);
    ask(&store, refund(2)).await;
}

async fn b26_an_id_alone_reads_nobodys_answer(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, refund(1)).await;
    let (run, fence) = start(&store, run_of(&asked)).await;
    let answer = json!({"receipt": "r-1"});
    store.finish_run(&run, fence, done(Some(answer.clone()))).await.unwrap();
    assert_eq!(store.approval(&asked.id).await.unwrap().unwrap().answer, None);
    for listed in store.approvals(ApprovalFilter::default(), 10).await.unwrap() {
        assert_eq!(listed.answer, None);
    }
    let found = store.approval_for(&asked.effect).await.unwrap().unwrap();
    assert_eq!(found.answer, Some(answer));
    assert!(!found.is_held_by(&party("alice", "another client")));
    assert!(found.is_held_by(&alice()));
}

async fn a_done_answer_repeats_for_a_day_and_is_then_forgotten(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, refund(1)).await;
    let (run, fence) = start(&store, run_of(&asked)).await;
    store.finish_run(&run, fence, done(Some(json!(1)))).await.unwrap();
    desk.clock.advance_millis(24 * HOUR - 1);
    assert!(matches!(store.request_approval(refund(1)).await.unwrap(), Requested::Existing(_)));
    assert_eq!(store.approval_for(&asked.effect).await.unwrap().unwrap().answer, Some(json!(1)));
    desk.clock.advance_millis(1);
    assert_eq!(store.approval_for(&asked.effect).await.unwrap(), None);
    assert_eq!(desk.number("SELECT count(*) FROM approvals WHERE answer IS NOT NULL"), 1);
    store.expire_due().await.unwrap();
    assert_eq!(desk.number("SELECT count(*) FROM approvals WHERE answer IS NOT NULL"), 0);
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::Done);
}

async fn lists_are_by_tenant_and_by_the_state_as_it_is_now(desk: Desk) {
    let store = desk.open().await;
    let short = ask(&store, NewApproval { expires_in_ms: 1_000, ..refund(1) }).await;
    desk.clock.advance_millis(1_000);
    let long = ask(&store, refund(2)).await;
    let mut foreign = refund(3);
    foreign.requester.tenant = "globex".to_owned();
    let foreign = ask(&store, foreign).await;
    let list = async |tenant: Option<&str>, state, limit| {
        let filter =
            ApprovalFilter { tenant: tenant.map(str::to_owned), state, ..Default::default() };
        let found = store.approvals(filter, limit).await.unwrap();
        found.into_iter().map(|a| a.id).collect::<Vec<_>>()
    };
    assert_eq!(list(Some("acme"), Some(StateKind::Pending), 10).await, [long.id]);
    assert_eq!(list(Some("acme"), Some(StateKind::Expired), 10).await, [short.id]);
    assert_eq!(list(Some("acme"), None, 10).await, [long.id, short.id]);
    assert_eq!(list(Some("globex"), None, 10).await, [foreign.id]);
    assert_eq!(list(None, None, 2).await.len(), 2);
    assert_eq!(list(None, Some(StateKind::Denied), 10).await, []);
    let before = Some(long.created);
    let earlier = store.approvals(ApprovalFilter { before, ..Default::default() }, 10).await;
    assert_eq!(earlier.unwrap().iter().map(|a| a.id).collect::<Vec<_>>(), [short.id]);
}
