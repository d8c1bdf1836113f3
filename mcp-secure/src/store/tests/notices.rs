use super::*;
use std::collections::{BTreeMap, BTreeSet};

cases! {
    every_change_of_an_announced_request_leaves_a_notice,
    what_is_not_announced_or_does_not_change_leaves_none,
    a_change_that_is_taken_back_takes_its_notice_along,
    a_change_whose_notice_cannot_be_left_is_not_made,
    a_notice_goes_to_one_of_two_processes,
    a_notice_is_handed_out_again_after_the_hold_and_not_before,
    a_notice_comes_back_when_it_is_asked_to_and_is_gone_when_it_is_over,
    those_that_have_waited_longest_come_first,
    a_notice_that_cannot_be_read_is_set_aside_and_keeps_no_other_waiting,
    notices_are_there_after_a_restart,
    the_notices_of_one_request_are_its_own_oldest_first_whoever_has_them,
    a_notice_of_a_request_that_is_over_or_cannot_be_read_is_left_out,
}

const HOLD: u64 = 30_000;

fn announced(cents: i64) -> NewApproval {
    NewApproval { announce: true, max_pending: 1_000, ..refund(cents) }
}

async fn due(store: &Shared) -> Vec<Notice> {
    store.due_notices(100, HOLD).await.unwrap()
}

async fn over(store: &Shared, notices: &[Notice]) {
    for notice in notices {
        store.settle_notice(notice.number, NoticeEnd::Over).await.unwrap();
    }
}

fn numbers(notices: &[Notice]) -> Vec<i64> {
    notices.iter().map(|notice| notice.number).collect()
}

async fn every_change_of_an_announced_request_leaves_a_notice(desk: Desk) {
    use StateKind::{
        Approved, Denied, Done, Expired, Failed, InDoubt, Pending, Running, Void, Withdrawn,
    };
    let store = desk.open().await;
    let bob = || party("bob", "cli");
    let mut expected = BTreeMap::new();
    let mut number = 0;
    let mut next = || {
        number += 1;
        announced(number)
    };
    let mut leaves = |approval: &Approval, states: &[StateKind]| {
        expected.insert(approval.id, states.to_vec());
    };

    let denied = ask(&store, next()).await;
    store.decide(&denied.id, denied.effect, vote("bob", Verdict::Deny)).await.unwrap();
    leaves(&denied, &[Pending, Denied]);

    let withdrawn = ask(&store, next()).await;
    store.withdraw(&withdrawn.id, alice()).await.unwrap();
    leaves(&withdrawn, &[Pending, Withdrawn]);

    let quorum = ask(&store, NewApproval { quorum: 2, ..next() }).await;
    for name in ["bob", "carol"] {
        approve(&store, &quorum, name).await;
    }
    leaves(&quorum, &[Pending, Approved]);

    let void = approved(&store, next()).await;
    store.void_approval(&void.id, "the preview changed").await.unwrap();
    leaves(&void, &[Pending, Approved, Void]);

    let both = [ask(&store, next()).await, approved(&store, next()).await];
    store.void_approvals(both.iter().map(|a| a.id).collect(), "an old copy").await.unwrap();
    leaves(&both[0], &[Pending, Withdrawn]);
    leaves(&both[1], &[Pending, Approved, Void]);

    // Every way that a run ends in.
    let failed = || RunResult::Failed { error: "declined".to_owned(), answer: None };
    let mut doubtful = Vec::new();
    for (result, last) in
        [(done(None), Done), (failed(), Failed), (no_effect(), Failed), (unknown(), InDoubt)]
    {
        let ran = approved(&store, next()).await;
        let run = start(&store, run_of(&ran)).await;
        assert_eq!(end(&store, &run, result).await, Finished::Recorded);
        leaves(&ran, &[Pending, Approved, Running, last]);
        doubtful.push((ran, run));
    }
    // Doubts: from an end, and from a lease that lapsed; resolved by run and by request, both ways.
    let mut in_doubt = vec![doubtful.pop().unwrap()];
    for _ in 0..3 {
        let lost = approved(&store, next()).await;
        let run = start(&store, run_of(&lost)).await;
        in_doubt.push((lost, run));
    }
    desk.clock.advance_millis(30_000);
    assert_eq!(store.recover().await.unwrap().len(), 3);
    let ways = [(Resolution::Done, Done), (Resolution::NotDone, Failed)];
    for (at, (request, run)) in in_doubt.iter().enumerate() {
        let (found, last) = ways[at % 2];
        if at < 2 {
            let resolved = store.resolve_run(&run.0, found, bob()).await.unwrap();
            assert!(matches!(resolved, Resolved::To(_)), "{resolved:?}");
        } else {
            let moved = store.resolve(&request.id, found, bob()).await.unwrap();
            assert!(matches!(moved, Moved::To(_)), "{moved:?}");
        }
        leaves(request, &[Pending, Approved, Running, InDoubt, last]);
    }

    // Running out: of the sweep, and of the same request made once more.
    let short = || NewApproval { expires_in_ms: 1_000, ..announced(900) };
    let asked_again = ask(&store, short()).await;
    let swept = [
        ask(&store, NewApproval { expires_in_ms: 1_000, ..next() }).await,
        approved(&store, NewApproval { expires_in_ms: 1_000, ..next() }).await,
    ];
    desk.clock.advance_millis(1_000);
    let ran_out = store.request_approval(short()).await.unwrap();
    assert!(matches!(ran_out, Requested::RanOut(_)), "{ran_out:?}");
    leaves(&asked_again, &[Pending, Expired]);
    assert_eq!(store.expire_due().await.unwrap().len(), 3);
    leaves(&swept[0], &[Pending, Expired]);
    leaves(&swept[1], &[Pending, Approved, Expired]);

    let mut found: BTreeMap<ApprovalId, Vec<StateKind>> = BTreeMap::new();
    for notice in due(&store).await {
        assert_eq!((notice.attempts, notice.progress), (0, Value::Null));
        assert!(notice.at <= desk.clock.now());
        found.entry(notice.approval).or_default().push(notice.state);
    }
    assert_eq!(found, expected);
    let left: BTreeSet<_> = expected.values().flatten().map(|kind| kind.as_str()).collect();
    let all: BTreeSet<_> = StateKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(left, all, "a state is not come to in this test");
    // What a search reads has moved along.
    let differs = "SELECT count(*) FROM approvals AS a LEFT JOIN approval_search AS s ON s.id = a.id AND s.state = a.state
        AND s.tenant = a.tenant AND s.created = a.created AND s.tool = a.tool WHERE s.id IS NULL";
    assert_eq!(desk.number(differs), 0);
}

async fn what_is_not_announced_or_does_not_change_leaves_none(desk: Desk) {
    let store = desk.open().await;
    let quiet = approved(&store, refund(1)).await;
    let run = start(&store, run_of(&quiet)).await;
    end(&store, &run, done(None)).await;
    let plain = start(&store, keyed("k", "a")).await;
    end(&store, &plain, done(None)).await;
    assert_eq!(due(&store).await, []);
    let loud = ask(&store, NewApproval { quorum: 2, ..announced(2) }).await;
    let told = due(&store).await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].approval, told[0].state), (loud.id, StateKind::Pending));
    assert_eq!(told[0].at, loud.created);
    // A vote that is one of two, a second vote, somebody else's withdrawal, a run without approval, the same request.
    approve(&store, &loud, "bob").await;
    approve(&store, &loud, "bob").await;
    store.withdraw(&loud.id, party("bob", "agent")).await.unwrap();
    store.commit_run(run_of(&loud)).await.unwrap();
    store.void_approval(&loud.id, "pending ones are not voided").await.unwrap();
    store.resolve(&loud.id, Resolution::Done, party("bob", "cli")).await.unwrap();
    store.request_approval(announced(2)).await.unwrap();
    store.expire_due().await.unwrap();
    assert_eq!(due(&store).await, []);
    assert_eq!(desk.number("SELECT count(*) FROM notices"), 1);
}

async fn a_change_that_is_taken_back_takes_its_notice_along(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, announced(1)).await;
    over(&store, &due(&store).await).await;
    // The approval moves first, and then the run can not be written.
    start(&store, keyed("k", "a")).await;
    desk.change("CREATE UNIQUE INDEX one_of_each ON runs (tool)");
    assert!(store.commit_run(run_of(&asked)).await.is_err());
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::Approved);
    assert_eq!(desk.number("SELECT count(*) FROM notices"), 0);
    desk.change("DROP INDEX one_of_each");
    start(&store, run_of(&asked)).await;
    let told = due(&store).await;
    assert_eq!(told.iter().map(|n| n.state).collect::<Vec<_>>(), [StateKind::Running]);
}

async fn a_change_whose_notice_cannot_be_left_is_not_made(desk: Desk) {
    let store = desk.open().await;
    let (first, asked) = (ask(&store, announced(1)).await, ask(&store, announced(2)).await);
    store.decide(&first.id, first.effect, vote("bob", Verdict::Deny)).await.unwrap();
    over(&store, &due(&store).await[..1]).await;
    // Of each state there is one, and there can be no other.
    desk.change("CREATE UNIQUE INDEX one_of_each ON notices (state)");
    let deny = || store.decide(&asked.id, asked.effect, vote("bob", Verdict::Deny));
    assert!(deny().await.is_err());
    assert!(store.request_approval(announced(3)).await.is_err());
    assert_eq!(store.approval_for(&announced(3).effect).await.unwrap(), None);
    assert_eq!(state_of(&store, &asked.id).await, State::Pending);
    assert_eq!(store.approval(&asked.id).await.unwrap().unwrap().votes, []);
    let waits = ApprovalFilter {
        text: Some(asked.id.to_string()),
        state: Some(StateKind::Pending),
        ..Default::default()
    };
    assert_eq!(store.approvals(waits, 10).await.unwrap().len(), 1);
    // Nobody is told of these, so they go on.
    ask(&store, refund(4)).await;
    desk.change("DROP INDEX one_of_each");
    assert!(matches!(deny().await.unwrap(), Decided::Counted(_)));
    assert_eq!(desk.number("SELECT count(*) FROM notices"), 3);
}

async fn a_notice_goes_to_one_of_two_processes(desk: Desk) {
    let stores = [desk.open().await, desk.open().await];
    for cents in 0..100 {
        ask(&stores[0], announced(cents)).await;
    }
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let store = Arc::clone(&stores[n % 2]);
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let some = store.due_notices(3, HOLD).await.unwrap();
                    assert!(some.len() <= 3, "{}", some.len());
                    if some.is_empty() {
                        return mine;
                    }
                    mine.extend(numbers(&some));
                    assert!(mine.len() <= 100, "they never end");
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    // Whoever found none may have come while others held the last ones.
    all.extend(numbers(&due(&stores[0]).await));
    let handed_out = all.len();
    let each: BTreeSet<i64> = all.into_iter().collect();
    assert_eq!((handed_out, each.len()), (100, 100));
}

async fn a_notice_is_handed_out_again_after_the_hold_and_not_before(desk: Desk) {
    let (store, elsewhere) = (desk.open().await, desk.open().await);
    ask(&store, announced(1)).await;
    for attempts in 0..4 {
        let told = due(&store).await;
        assert_eq!((told.len(), told[0].attempts), (1, attempts));
        desk.clock.advance_millis(29_999);
        assert_eq!(due(&elsewhere).await, []);
        desk.clock.advance_millis(1);
    }
}

async fn a_notice_comes_back_when_it_is_asked_to_and_is_gone_when_it_is_over(desk: Desk) {
    let (store, elsewhere) = (desk.open().await, desk.open().await);
    ask(&store, announced(1)).await;
    let told = due(&store).await;
    let progress = json!({"https://a.example": "told", "x": "\u{0}'%"});
    let again = NoticeEnd::Again { progress: progress.clone(), in_ms: 60_000 };
    store.settle_notice(told[0].number, again).await.unwrap();
    desk.clock.advance_millis(59_999);
    assert_eq!(due(&elsewhere).await, []);
    desk.clock.advance_millis(1);
    let more = due(&elsewhere).await;
    assert_eq!(numbers(&more), numbers(&told));
    assert_eq!((more[0].attempts, &more[0].progress), (1, &progress));
    over(&elsewhere, &more).await;
    // Whoever held it first and speaks up late brings nothing back.
    let late = NoticeEnd::Again { progress: Value::Null, in_ms: 0 };
    store.settle_notice(told[0].number, late).await.unwrap();
    desk.clock.advance_millis(HOUR);
    assert_eq!(due(&store).await, []);
    assert_eq!(desk.number("SELECT count(*) FROM notices"), 0);
}

async fn those_that_have_waited_longest_come_first(desk: Desk) {
    let store = desk.open().await;
    for cents in 0..6 {
        ask(&store, announced(cents)).await;
        desk.clock.advance_millis(1);
    }
    let first = store.due_notices(2, HOLD).await.unwrap();
    assert_eq!(store.due_notices(0, HOLD).await.unwrap(), []);
    let second = store.due_notices(2, HOLD).await.unwrap();
    // One that is tried again waits behind those that nobody has tried.
    let again = NoticeEnd::Again { progress: Value::Null, in_ms: 0 };
    store.settle_notice(first[0].number, again).await.unwrap();
    let rest = store.due_notices(2, HOLD).await.unwrap();
    let last = store.due_notices(9, HOLD).await.unwrap();
    let all: Vec<i64> =
        [&first, &second, &rest, &last].into_iter().flat_map(|n| numbers(n)).collect();
    assert!(all[..6].is_sorted(), "{all:?}");
    assert_eq!(all[6..], [all[0]]);
}

async fn a_notice_that_cannot_be_read_is_set_aside_and_keeps_no_other_waiting(desk: Desk) {
    let store = desk.open().await;
    let mut asked = Vec::new();
    for cents in 0..4 {
        asked.push(ask(&store, announced(cents)).await);
    }
    let of = |n: usize| format!("WHERE approval = '{}'", asked[n].id);
    desk.change(&format!("UPDATE notices SET progress = '{{' {}", of(0)));
    desk.change(&format!("UPDATE notices SET state = 'unheard of' {}", of(1)));
    let ids = |told: Vec<Notice>| told.into_iter().map(|n| n.approval).collect::<Vec<_>>();
    // As many as fit are unreadable: the next time the others come.
    assert_eq!(ids(store.due_notices(2, HOLD).await.unwrap()), []);
    assert_eq!(ids(store.due_notices(2, HOLD).await.unwrap()), [asked[2].id, asked[3].id]);
    desk.clock.advance_millis(30_000);
    assert_eq!(ids(store.due_notices(2, HOLD).await.unwrap()), [asked[2].id, asked[3].id]);
    // They are kept for somebody to look at.
    assert_eq!(desk.number("SELECT count(*) FROM notices"), 4);
    desk.change(&format!("UPDATE notices SET progress = 'null', due = 0 {}", of(0)));
    assert_eq!(ids(due(&store).await), [asked[0].id]);
}

async fn notices_are_there_after_a_restart(desk: Desk) {
    let asked = {
        let store = desk.open().await;
        let asked = ask(&store, announced(1)).await;
        assert_eq!(due(&store).await.len(), 1);
        asked
    };
    let store = desk.open().await;
    assert_eq!(due(&store).await, []);
    desk.clock.advance_millis(30_000);
    let told = due(&store).await;
    assert_eq!((told.len(), told[0].approval, told[0].attempts), (1, asked.id, 1));
}

async fn the_notices_of_one_request_are_its_own_oldest_first_whoever_has_them(desk: Desk) {
    use StateKind::{Approved, Done, Pending, Running};
    let (store, elsewhere) = (desk.open().await, desk.open().await);
    let first = ask(&store, announced(1)).await;
    let second = ask(&elsewhere, announced(2)).await;
    desk.clock.advance_millis(5);
    approve(&store, &second, "bob").await;
    desk.clock.advance_millis(5);
    let run = start(&elsewhere, run_of(&second)).await;
    end(&store, &run, done(None)).await;
    let states = |notices: &[Notice]| notices.iter().map(|n| n.state).collect::<Vec<_>>();
    let begun = second.created;
    for (round, store) in [&store, &elsewhere].into_iter().enumerate() {
        let found = store.notices(&second.id).await.unwrap();
        assert_eq!(states(&found), [Pending, Approved, Running, Done]);
        assert!(numbers(&found).is_sorted(), "{found:?}");
        assert!(found.iter().all(|notice| notice.approval == second.id), "{found:?}");
        let times: Vec<i64> = found.iter().map(|n| n.at.millis() - begun.millis()).collect();
        assert_eq!(times, [0, 5, 10, 10]);
        // How often each was handed out, and to nobody by looking.
        let attempts = u32::try_from(round).unwrap();
        assert!(found.iter().all(|notice| notice.attempts == attempts), "{found:?}");
        assert_eq!(states(&store.notices(&first.id).await.unwrap()), [Pending]);
        if round == 0 {
            assert_eq!(due(store).await.len(), 5, "looking has taken some");
        }
    }
    // What was told of one so far stands beside it.
    let middle = &store.notices(&second.id).await.unwrap()[1];
    let progress = json!({"https://a.example": "told"});
    let again = NoticeEnd::Again { progress: progress.clone(), in_ms: 60_000 };
    store.settle_notice(middle.number, again).await.unwrap();
    let found = elsewhere.notices(&second.id).await.unwrap();
    assert_eq!((&found[1].progress, &found[2].progress), (&progress, &Value::Null));
    let reopened = desk.open().await;
    assert_eq!(reopened.notices(&second.id).await.unwrap(), found);
}

async fn a_notice_of_a_request_that_is_over_or_cannot_be_read_is_left_out(desk: Desk) {
    let store = desk.open().await;
    let asked = approved(&store, announced(1)).await;
    let quiet = ask(&store, refund(2)).await;
    let found = store.notices(&asked.id).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(store.notices(&quiet.id).await.unwrap(), []);
    assert_eq!(store.notices(&ApprovalId::random()).await.unwrap(), []);
    desk.change(&format!("UPDATE notices SET progress = '{{' WHERE number = {}", found[0].number));
    assert_eq!(store.notices(&asked.id).await.unwrap(), found[1..]);
    desk.change(&format!(
        "UPDATE notices SET progress = 'null' WHERE number = {}",
        found[0].number
    ));
    over(&store, &found[1..]).await;
    assert_eq!(store.notices(&asked.id).await.unwrap(), found[..1]);
    over(&store, &found[..1]).await;
    assert_eq!(store.notices(&asked.id).await.unwrap(), []);
}
