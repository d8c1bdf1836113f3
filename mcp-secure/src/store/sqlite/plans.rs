//! Which index each statement goes by. Without one it reads every request there ever was, or every run of a day.

use super::{approvals, runs, schema};
use crate::approval::{ApprovalId, StateKind};
use crate::clock::Timestamp;
use crate::store::ApprovalFilter;
use crate::store::listing;
use rusqlite::Connection;

fn plan(conn: &Connection, sql: &str) -> String {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    for value in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(value, 1).unwrap();
    }
    let (mut rows, mut plan) = (statement.raw_query(), Vec::new());
    while let Some(row) = rows.next().unwrap() {
        plan.push(row.get::<_, String>(3).unwrap());
    }
    plan.join("; ")
}

fn store() -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    schema::migrate(&mut conn).unwrap();
    conn
}

#[test]
fn no_request_and_no_sweep_reads_all_there_is() {
    let conn = store();
    let select = |table: &str, rest: &str| format!("SELECT * FROM {table} WHERE {rest}");
    for (sql, index) in [
        (
            approvals::PENDING_OF.to_owned(),
            "approvals_by_requester (issuer=? AND subject=? AND tenant=? AND state=?)",
        ),
        (select("approvals", approvals::ANSWERS), "approvals_by_effect (effect=? AND state=?"),
        (select("approvals", approvals::UNHEARD), "approvals_by_effect (effect=? AND state=?)"),
        (approvals::HEARD.to_owned(), "approvals_by_effect (effect=? AND state=?)"),
        (approvals::OVERDUE.to_owned(), "approvals_by_state (state=? AND expires<?)"),
        (approvals::UNTOLD.to_owned(), "approvals_untold"),
        (select("runs", runs::UNTOLD), "runs_to_tell (tell_at<?)"),
        (select("runs", runs::LAPSED), "runs_by_lease (lease_until<?)"),
    ] {
        let plan = plan(&conn, &sql);
        assert!(plan.contains(index) && !plan.contains("; SEARCH"), "{sql}: {plan}");
    }
}

/// The part of the plan that finds the page, which is all that may read more than the page.
fn page(conn: &Connection, filter: &ApprovalFilter) -> String {
    let (now, after) = (Timestamp::from_millis(5), listing::place(filter.after.as_ref()));
    let page = listing::page(&approvals::DIALECT, filter, now, after.as_ref(), 50);
    let plan = plan(conn, &page.sql);
    let (rows, found) = plan.split_once("LIST SUBQUERY").unwrap();
    // The rows of the page are looked up by their ids, and are few enough to put in order.
    assert!(rows.starts_with("SEARCH approvals USING PRIMARY KEY (id=?)"), "{plan}");
    let found = found.strip_suffix("; USE TEMP B-TREE FOR ORDER BY").unwrap();
    assert!(!found.contains("TEMP B-TREE"), "it is put in order only once all is found: {plan}");
    found.to_owned()
}

#[test]
fn a_page_is_found_in_an_index_and_in_its_order() {
    let conn = store();
    let of =
        |state| ApprovalFilter { tenant: Some("acme".to_owned()), state, ..Default::default() };
    let by_state =
        "SEARCH approvals USING COVERING INDEX approvals_by_tenant_state (tenant=? AND state=?";
    let by_tenant = "SEARCH approvals USING COVERING INDEX approvals_by_tenant (tenant=?";
    let by_text = "SEARCH approval_search USING PRIMARY KEY (tenant=?";
    let all = [None, Some(StateKind::Pending), Some(StateKind::Denied), Some(StateKind::Expired)];
    for state in all {
        let by = if state.is_some() { by_state } else { by_tenant };
        let tool = Some("refund".to_owned());
        let after = Some((Timestamp::from_millis(7), ApprovalId::random()));
        for filter in [
            of(state),
            ApprovalFilter { tool: tool.clone(), ..of(state) },
            ApprovalFilter { before: Some(Timestamp::from_millis(7)), ..of(state) },
            ApprovalFilter { tool: tool.clone(), after, ..of(state) },
        ] {
            let found = page(&conn, &filter);
            let places = found.matches("SEARCH approvals").count();
            assert_eq!(found.matches(by).count(), places, "{filter:?}: {found}");
            assert_eq!(places, if state == Some(StateKind::Expired) { 3 } else { 1 }, "{found}");
        }
        let found = page(&conn, &ApprovalFilter { text: tool.clone(), tool, after, ..of(state) });
        assert!(found.contains(by_text) && found.matches("SEARCH").count() == 1, "{found}");
    }
    // How far a search looks is found without looking at more than the index.
    let after = Some((7, "apr".to_owned()));
    for after in [None, after] {
        let page = listing::nth(&approvals::DIALECT, "acme", after.as_ref(), 20_000);
        let plan = plan(&conn, &page.sql);
        assert!(plan.starts_with(by_tenant) && !plan.contains("TEMP B-TREE"), "{plan}");
    }
    let tasks =
        ApprovalFilter { tasks: true, state: Some(StateKind::Approved), ..Default::default() };
    let found = page(&conn, &tasks);
    assert!(found.contains("COVERING INDEX approvals_of_tasks (state=?)"), "{found}");
}
