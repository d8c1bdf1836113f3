use super::*;
use std::collections::BTreeSet;

cases! {
    paging_over_a_thousand_requests_of_one_moment_misses_and_repeats_none,
    pages_of_what_ran_out_are_in_one_order_whether_or_not_it_is_written_down,
    what_comes_in_between_pages_disturbs_none,
    what_waits_for_nobody_is_listed_without_what_waits_searched_or_not,
    a_search_that_looks_at_so_many_at_a_time_misses_and_repeats_none,
    a_search_finds_what_is_written_in_any_case,
    b09_hostile_text_in_a_search_is_only_text,
    a_search_goes_with_state_tool_and_tenant,
    tasks_are_listed_by_themselves_over_all_tenants,
    a_list_asked_for_with_hostile_names_is_empty,
    a_request_that_cannot_be_read_leaves_the_others_in_the_list,
}

async fn list(store: &Shared, filter: ApprovalFilter, limit: u32) -> Vec<Approval> {
    store.approvals(filter, limit).await.unwrap()
}

fn ids(list: &[Approval]) -> Vec<ApprovalId> {
    list.iter().map(|approval| approval.id).collect()
}

/// All pages of `limit`, one after another, each held to its length and its order.
async fn pages(store: &Shared, filter: &ApprovalFilter, limit: u32) -> Vec<ApprovalId> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = list(store, ApprovalFilter { after, ..filter.clone() }, limit).await;
        assert!(page.len() <= limit as usize);
        assert!(page.is_sorted_by(|a, b| a.created >= b.created));
        if let (Some((created, _)), Some(first)) = (after, page.first()) {
            assert!(first.created <= created);
        }
        found.extend(ids(&page));
        match page.last() {
            Some(last) if page.len() == limit as usize => after = Some((last.created, last.id)),
            _ => return found,
        }
    }
}

fn of(tenant: &str, state: Option<StateKind>) -> ApprovalFilter {
    ApprovalFilter { tenant: Some(tenant.to_owned()), state, ..Default::default() }
}

fn seek(text: &str) -> ApprovalFilter {
    ApprovalFilter { text: Some(text.to_owned()), ..of("acme", None) }
}

/// Many requests at once, for accounts of their own.
async fn ask_many(
    store: &Shared,
    cents: std::ops::Range<i64>,
    expires_in_ms: u64,
) -> BTreeSet<ApprovalId> {
    let mut asked = BTreeSet::new();
    let mut tasks = tokio::task::JoinSet::new();
    for cents in cents {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let requester = party(&format!("agent {}", cents % 16), "agent");
            let new =
                NewApproval { requester, max_pending: 10_000, expires_in_ms, ..refund(cents) };
            ask(&store, new).await.id
        });
    }
    while let Some(id) = tasks.join_next().await {
        asked.insert(id.unwrap());
    }
    asked
}

fn exactly(expected: &BTreeSet<ApprovalId>, found: &[ApprovalId], what: &str) {
    let each: BTreeSet<ApprovalId> = found.iter().copied().collect();
    assert_eq!(found.len(), each.len(), "{what}: repeated");
    assert!(each == *expected, "{what}: {} of {}", each.len(), expected.len());
}

async fn paging_over_a_thousand_requests_of_one_moment_misses_and_repeats_none(desk: Desk) {
    let store = desk.open().await;
    let mut all = ask_many(&store, 0..3, 24 * 3_600_000).await;
    desk.clock.advance_millis(1);
    all.extend(ask_many(&store, 10..1_110, 24 * 3_600_000).await);
    desk.clock.advance_millis(1);
    all.extend(ask_many(&store, 2_000..2_003, 24 * 3_600_000).await);
    let searched = ApprovalFilter { text: Some("O-1".to_owned()), ..of("acme", None) };
    for (filter, limit, what) in [
        (of("acme", Some(StateKind::Pending)), 50, "pending"),
        (of("acme", None), 7, "all"),
        (searched, 100, "a search"),
        (ApprovalFilter::default(), 1_000, "all tenants"),
    ] {
        exactly(&all, &pages(&store, &filter, limit).await, what);
    }
    // No page is longer than a thousand.
    assert_eq!(list(&store, of("acme", None), u32::MAX).await.len(), 1_000);
    assert_eq!(list(&store, of("acme", None), 0).await, []);
}

async fn pages_of_what_ran_out_are_in_one_order_whether_or_not_it_is_written_down(desk: Desk) {
    let store = desk.open().await;
    let mut all = BTreeSet::new();
    for round in 0..4 {
        all.extend(ask_many(&store, round * 10..round * 10 + 5, 1_000).await);
        let agreed = NewApproval { expires_in_ms: 1_000, ..refund(round * 10 + 6) };
        all.insert(approved(&store, agreed).await.id);
        ask_many(&store, round * 10 + 7..round * 10 + 8, 3_600_000).await;
        desk.clock.advance_millis(1_000);
        if round % 2 == 0 {
            store.expire_due().await.unwrap();
        }
    }
    assert_eq!(desk.number("SELECT count(*) FROM approvals WHERE state = 'expired'"), 18);
    for text in [None, Some("order".to_owned())] {
        let filter = ApprovalFilter { text, ..of("acme", Some(StateKind::Expired)) };
        exactly(&all, &pages(&store, &filter, 4).await, "expired");
        for approval in list(&store, filter, 100).await {
            assert_eq!(approval.state.kind(), StateKind::Expired);
        }
    }
    assert_eq!(list(&store, of("acme", Some(StateKind::Pending)), 100).await.len(), 4);
    assert_eq!(list(&store, of("acme", Some(StateKind::Approved)), 100).await, []);
}

async fn what_comes_in_between_pages_disturbs_none(desk: Desk) {
    let store = desk.open().await;
    let all = ask_many(&store, 0..40, 3_600_000).await;
    let filter = of("acme", Some(StateKind::Pending));
    let (mut found, mut after) = (Vec::new(), None);
    for round in 0..4 {
        let page = list(&store, ApprovalFilter { after, ..filter.clone() }, 10).await;
        after = page.last().map(|last| (last.created, last.id));
        found.extend(ids(&page));
        // One comes, and one of those that were shown goes; the last one is where the next page begins.
        desk.clock.advance_millis(1);
        ask_many(&store, 100 + round..101 + round, 3_600_000).await;
        store.decide(&page[9].id, page[9].effect, vote("bob", Verdict::Deny)).await.unwrap();
    }
    exactly(&all, &found, "pages");
    let before = Some(desk.clock.now());
    let earlier = list(&store, ApprovalFilter { before, ..of("acme", None) }, 100).await;
    assert_eq!(earlier.len(), 43, "the last one is of this moment");
}

async fn a_search_that_looks_at_so_many_at_a_time_misses_and_repeats_none(desk: Desk) {
    let store = desk.open().await;
    // Some of one moment, some of another, and another tenant's beside them.
    for moment in 0..3 {
        ask_many(&store, moment * 112..moment * 112 + 11, 3_600_000).await;
        let other = Party { tenant: "globex".to_owned(), ..alice() };
        ask(&store, NewApproval { requester: other, ..refund(1_000 + moment) }).await;
        desk.clock.advance_millis(1);
    }
    let whole = ids(&list(&store, of("acme", None), 100).await);
    assert_eq!(whole.len(), 33);
    let text = Some("sub-agent 3".to_owned());
    let sought = ids(&list(&store, ApprovalFilter { text, ..of("acme", None) }, 100).await);
    assert_eq!(sought.len(), 3);
    for step in [1, 2, 7, 33, 50] {
        let (mut found, mut after, mut looks) = (Vec::new(), None, 0);
        loop {
            let until = store.nth("acme", after, step).await.unwrap();
            let text = Some("sub-agent 3".to_owned());
            let part = ApprovalFilter { after, until, text, ..of("acme", None) };
            let page = list(&store, part, 100).await;
            assert!(page.len() <= step as usize);
            found.extend(ids(&page));
            looks += 1;
            let Some((created, id)) = until else { break };
            // So many are looked at, counted in the whole list.
            let at = whole.iter().position(|other| *other == id).unwrap();
            assert_eq!(at + 1, looks * step as usize);
            after = Some((created, id));
        }
        assert_eq!(found, sought, "{step} at a time");
        assert_eq!(looks, 33 / step as usize + 1, "{step} at a time");
    }
    assert_eq!(store.nth("nobody", None, 1).await.unwrap(), None);
    assert_eq!(store.nth("ac\0me", None, 1).await.unwrap(), None);
}

async fn a_search_finds_what_is_written_in_any_case(desk: Desk) {
    let store = desk.open().await;
    let requester = Party {
        person: Some("Éva.Őrsi@People.example".to_owned()),
        subject: "SUB|77".to_owned(),
        ..alice()
    };
    let resource = json!(["Order::\"o-77\"", {"type": "Shop", "id": 4_711}]);
    let tool = "close_ΣΟΦΟΣ_account".to_owned();
    let wanted = ask(&store, NewApproval { requester, tool, resource, ..refund(1) }).await;
    ask(&store, refund(2)).await;
    let id = wanted.id.to_string();
    for text in [
        id.as_str(),
        &id[4..12].to_uppercase(),
        "order::\"O-77\"",
        "o-77",
        "shop",
        "4711",
        "sub|77",
        "éVA.őRSI",
        "people.EXAMPLE",
        "close_σοφοσ",
        "ΣΟΦΟ",
        "  o-77\n",
    ] {
        assert_eq!(ids(&list(&store, seek(text), 10).await), [wanted.id], "{text}");
    }
    // Not what is around them, nor the end of one and the beginning of the next, nor what only deciders may see.
    for text in
        ["null", "\"id\"", "{", "[", "sub|77 éva", "sub|77\néva", "refunded", "acme", "agent"]
    {
        assert_eq!(list(&store, seek(text), 10).await, [], "{text}");
    }
    for all in ["", "  ", "\u{0}"] {
        assert_eq!(list(&store, seek(all), 10).await.len(), 2, "{all:?}");
    }
}

async fn b09_hostile_text_in_a_search_is_only_text(desk: Desk) {
    let store = desk.open().await;
    let hostile = [
        "100%_off\\",
        "'); DROP TABLE approvals; --",
        "nul\u{0}in\u{7}side\u{202e}",
        "<script>alert(1)</script>",
        "?1 $1 :1 @1",
        "x*[a-z]^\"",
    ];
    let mut asked = Vec::new();
    for (cents, text) in (0..).zip(hostile) {
        let requester = Party { person: Some(text.to_owned()), ..alice() };
        asked.push(ask(&store, NewApproval { requester, ..refund(cents) }).await.id);
    }
    for (text, id) in hostile.iter().zip(&asked) {
        assert_eq!(ids(&list(&store, seek(text), 10).await), [*id], "{text}");
        assert_eq!(ids(&list(&store, seek(&text.to_uppercase()), 10).await), [*id], "{text}");
    }
    // Nothing stands for anything else.
    for nobody in ["100__off", "1%off", "%%", "x.[", "nul_in", "?2", "a-z]$", "\\\\", "''"] {
        assert_eq!(list(&store, seek(nobody), 10).await, [], "{nobody}");
    }
    assert_eq!(list(&store, seek(&"%".repeat(100_000)), 10).await, []);
    assert_eq!(list(&store, of("acme", None), 10).await.len(), hostile.len());
}

async fn a_search_goes_with_state_tool_and_tenant(desk: Desk) {
    let store = desk.open().await;
    let other = || Party { tenant: "globex".to_owned(), ..alice() };
    let close = || "close".to_owned();
    let pending = ask(&store, refund(1)).await;
    let agreed = approved(&store, refund(2)).await;
    let closing = ask(&store, NewApproval { tool: close(), ..refund(3) }).await;
    let foreign = ask(&store, NewApproval { requester: other(), ..refund(4) }).await;
    let denied = ask(&store, NewApproval { tool: close(), ..refund(5) }).await;
    store.decide(&denied.id, denied.effect, vote("bob", Verdict::Deny)).await.unwrap();
    let tool = |tool: &str| Some(tool.to_owned());
    let found = async |filter: ApprovalFilter| {
        let found = ids(&list(&store, filter, 10).await);
        found.into_iter().collect::<BTreeSet<_>>()
    };
    let these = |ids: &[&Approval]| ids.iter().map(|a| a.id).collect::<BTreeSet<_>>();
    for text in [None, tool("o-1")] {
        let asked = |tenant: &str, state, tool: Option<String>| ApprovalFilter {
            text: text.clone(),
            tool,
            ..of(tenant, state)
        };
        assert_eq!(
            found(asked("acme", None, None)).await,
            these(&[&pending, &agreed, &closing, &denied])
        );
        let waiting = Some(StateKind::Pending);
        assert_eq!(found(asked("acme", waiting, None)).await, these(&[&pending, &closing]));
        assert_eq!(found(asked("acme", waiting, tool("close"))).await, these(&[&closing]));
        assert_eq!(found(asked("acme", None, tool("close"))).await, these(&[&closing, &denied]));
        assert_eq!(found(asked("acme", None, tool("Close"))).await, these(&[]));
        assert_eq!(found(asked("acme", None, tool("clos%"))).await, these(&[]));
        assert_eq!(found(asked("acme", Some(StateKind::Approved), None)).await, these(&[&agreed]));
        assert_eq!(found(asked("globex", None, None)).await, these(&[&foreign]));
        let everywhere = ApprovalFilter { tenant: None, ..asked("acme", waiting, None) };
        assert_eq!(found(everywhere).await, these(&[&pending, &closing, &foreign]));
    }
}

async fn tasks_are_listed_by_themselves_over_all_tenants(desk: Desk) {
    let store = desk.open().await;
    let task = |cents, tenant: &str| NewApproval {
        task: true,
        requester: Party { tenant: tenant.to_owned(), ..alice() },
        ..refund(cents)
    };
    let mut waiting = BTreeSet::new();
    for (cents, tenant) in [(1, "acme"), (2, "globex"), (3, "acme")] {
        let asked = ask(&store, task(cents, tenant)).await;
        assert!(asked.task);
        let voter = Party { tenant: tenant.to_owned(), ..party("bob", "inbox") };
        let vote = Vote { voter, ..vote("bob", Verdict::Approve) };
        store.decide(&asked.id, asked.effect, vote).await.unwrap();
        waiting.insert(asked.id);
    }
    let unasked = ask(&store, task(4, "acme")).await;
    let short = ask(&store, NewApproval { expires_in_ms: 1_000, ..task(6, "acme") }).await;
    approve(&store, &short, "bob").await;
    let plain = approved(&store, refund(5)).await;
    desk.clock.advance_millis(1_000);
    let tasks = |state| ApprovalFilter { tasks: true, state, ..Default::default() };
    let found = pages(&store, &tasks(Some(StateKind::Approved)), 2).await;
    exactly(&waiting, &found, "approved tasks");
    for approval in list(&store, tasks(None), 10).await {
        assert!(approval.task && approval.id != plain.id);
    }
    assert_eq!(ids(&list(&store, tasks(Some(StateKind::Pending)), 10).await), [unasked.id]);
    assert_eq!(ids(&list(&store, tasks(Some(StateKind::Expired)), 10).await), [short.id]);
    let acme =
        ApprovalFilter { tenant: Some("acme".to_owned()), ..tasks(Some(StateKind::Approved)) };
    assert_eq!(list(&store, acme, 10).await.len(), 2);
}

async fn a_list_asked_for_with_hostile_names_is_empty(desk: Desk) {
    let store = desk.open().await;
    ask(&store, refund(1)).await;
    for name in ["\u{0}", "acme\u{0}", "' OR 1=1 --", "\u{fffd}", ""] {
        let tool = Some(name.to_owned());
        assert_eq!(list(&store, ApprovalFilter { tool, ..of("acme", None) }, 10).await, []);
        assert_eq!(list(&store, of(name, None), 10).await, []);
        assert_eq!(list(&store, of(name, Some(StateKind::Pending)), 10).await, []);
    }
}

async fn a_request_that_cannot_be_read_leaves_the_others_in_the_list(desk: Desk) {
    let store = desk.open().await;
    let mut asked = Vec::new();
    for cents in 0..12 {
        asked.push(ask(&store, NewApproval { quorum: 2, ..refund(cents) }).await);
        desk.clock.advance_millis(1);
    }
    asked.reverse();
    approve(&store, &asked[2], "bob").await;
    let of_id = |n: usize| format!("WHERE id = '{}'", asked[n].id);
    for change in [
        format!("UPDATE approvals SET detail = '{{' {}", of_id(0)),
        format!("UPDATE approvals SET request = 'none' {}", of_id(1)),
        format!("UPDATE votes SET vote = '[]' WHERE approval = '{}'", asked[2].id),
        format!("UPDATE approvals SET effect = 'none' {}", of_id(3)),
        format!(
            "UPDATE approvals SET detail = '{{\"state\":\"withdrawn\",\"at\":1}}' {}",
            of_id(6)
        ),
    ] {
        desk.change(&change);
    }
    let readable: Vec<_> = [4, 5, 7, 8, 9, 10, 11].into_iter().map(|n| asked[n].id).collect();
    for text in [None, Some("o-1".to_owned())] {
        let filter = ApprovalFilter { text, ..of("acme", Some(StateKind::Pending)) };
        // A page is full as long as there is enough to fill it, so none looks like the last one that is not.
        for limit in [1, 2, 3, 7, 50] {
            assert_eq!(pages(&store, &filter, limit).await, readable, "{limit}");
        }
    }
    // By its id it is what it is: damaged, and nobody decides on it.
    let broken = store.approval(&asked[0].id).await;
    assert!(matches!(broken, Err(StoreError::Corrupt(_))), "{broken:?}");
    let vote = vote("bob", Verdict::Approve);
    assert!(store.decide(&asked[0].id, asked[0].effect, vote).await.is_err());
}

async fn what_waits_for_nobody_is_listed_without_what_waits_searched_or_not(desk: Desk) {
    let store = desk.open().await;
    let mut settled = Vec::new();
    for cents in 0..12 {
        let expires_in_ms = if cents == 4 { 50 } else { 1_000_000 };
        let asked = ask(&store, NewApproval { expires_in_ms, ..refund(cents) }).await;
        match cents {
            0 => drop(store.withdraw(&asked.id, alice()).await.unwrap()),
            2 | 6 => {
                let verdict = if cents == 2 { Verdict::Approve } else { Verdict::Deny };
                store.decide(&asked.id, asked.effect, vote("bob", verdict)).await.unwrap();
            }
            _ => {}
        }
        // What has run out is listed here, also where nobody has written that down yet.
        if matches!(cents, 0 | 2 | 4 | 6) {
            settled.push(asked.id);
        }
        desk.clock.advance_millis(10);
    }
    settled.reverse();
    let ended = || ApprovalFilter { settled: true, ..ApprovalFilter::default() };
    let text = || Some("o-1".to_owned());
    for filter in [ended(), ApprovalFilter { text: text(), ..ended() }] {
        for limit in [1, 3, 100] {
            assert_eq!(pages(&store, &filter, limit).await, settled, "{filter:?}");
        }
        let pending = ApprovalFilter { state: Some(StateKind::Pending), ..filter.clone() };
        assert_eq!(pages(&store, &pending, 10).await, []);
        let denied = ApprovalFilter { state: Some(StateKind::Denied), ..filter };
        assert_eq!(pages(&store, &denied, 10).await, settled[..1]);
    }
    let waits = ApprovalFilter { state: Some(StateKind::Pending), ..ApprovalFilter::default() };
    assert_eq!(pages(&store, &waits, 100).await.len(), 8);
}
