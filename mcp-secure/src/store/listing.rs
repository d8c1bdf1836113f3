//! Lists of requests: what a search looks at, and the statement that finds a page. Written once for both databases.
//!
//! The page is found by what indexes hold, and only its own rows are read: a row holds the whole request, and there may be
//! tens of thousands. A search goes through a table of its own, in the order of the list, which holds the texts and what
//! else a list may ask for: the state there follows that of the request, in the same transaction.

use super::row::{APPROVAL_COLUMNS, Request};
use crate::approval::{ApprovalId, StateKind};
use crate::clock::Timestamp;
use crate::store::ApprovalFilter;
use serde_json::Value;

/// What the databases write differently.
pub(super) struct Dialect {
    /// Before the name of a table.
    pub(super) schema: &'static str,
    /// Before the number of a value.
    pub(super) mark: char,
    /// Says where a text holds another, and zero for nowhere. It takes both as they are: nothing in them is a wildcard.
    pub(super) position: &'static str,
    /// The condition that picks requests whose client waits for a task.
    pub(super) task: &'static str,
}

/// A value of a statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bound {
    Text(String),
    Number(i64),
}

/// Where a list goes on: after the request that was asked for then and is called so.
pub(super) type Place = (i64, String);

/// A statement that grows.
pub(super) struct Page {
    pub(super) sql: String,
    pub(super) values: Vec<Bound>,
    mark: char,
}

impl Page {
    fn value(&mut self, value: Bound) -> String {
        self.values.push(value);
        format!("{}{}", self.mark, self.values.len())
    }

    fn text(&mut self, text: &str) -> String {
        self.value(Bound::Text(text.to_owned()))
    }

    fn number(&mut self, number: i64) -> String {
        self.value(Bound::Number(number))
    }
}

/// The statement for the next `limit` requests, newest first.
///
/// Only the conditions that are asked for are in it, and words of the crate's own stand in the text, so that each
/// condition can use its index. Of those asked for in one millisecond the greatest id comes first, so that the place of the
/// last one is where the index goes on.
pub(super) fn page(
    dialect: &Dialect,
    filter: &ApprovalFilter,
    now: Timestamp,
    after: Option<&Place>,
    limit: usize,
) -> Page {
    let mut page = Page { sql: String::new(), values: Vec::new(), mark: dialect.mark };
    let Dialect { schema, position, task, .. } = dialect;
    let text = filter.text.as_deref().map(|text| folded(text.trim())).filter(|t| !t.is_empty());
    let from = if text.is_some() { "approval_search" } else { "approvals" };
    let mut all = Vec::new();
    if let Some(tenant) = &filter.tenant {
        all.push(format!("tenant = {}", page.text(tenant)));
    }
    if let Some(tool) = &filter.tool {
        all.push(format!("tool = {}", page.text(tool)));
    }
    if filter.tasks {
        all.push((*task).to_owned());
    }
    if let Some(before) = filter.before {
        all.push(format!("created < {}", page.number(before.millis())));
    }
    if let Some((created, id)) = after {
        let (created, id) = (page.number(*created), page.text(id));
        all.push(format!("(created, id) < ({created}, {id})"));
    }
    if let Some((created, id)) = &filter.until {
        let (created, id) = (page.number(created.millis()), page.text(&id.to_string()));
        all.push(format!("(created, id) >= ({created}, {id})"));
    }
    if let Some(text) = &text {
        all.push(format!("{position}(text, {}) > 0", page.text(text)));
    }
    let parts: Vec<String> = states(filter, text.is_some(), now, &mut page)
        .into_iter()
        .map(|state| {
            let all = state.into_iter().chain(all.iter().cloned()).collect::<Vec<_>>();
            let all = if all.is_empty() { "true".to_owned() } else { all.join(" AND ") };
            format!("SELECT id, created FROM {schema}{from} WHERE {all}")
        })
        .collect();
    let limit = page.number(i64::try_from(limit).unwrap_or(i64::MAX));
    page.sql = format!(
        "SELECT {APPROVAL_COLUMNS} FROM {schema}approvals WHERE id IN (SELECT id FROM ({} ORDER BY created DESC, id DESC \
         LIMIT {limit}) AS page) ORDER BY created DESC, id DESC",
        parts.join(" UNION ALL ")
    );
    page
}

/// The statement for the place of the `nth` request of a tenant's list after `after`. It goes through an index that holds
/// nothing else, so that tens of thousands are passed over in a millisecond or two.
pub(super) fn nth(dialect: &Dialect, tenant: &str, after: Option<&Place>, nth: u32) -> Page {
    let mut page = Page { sql: String::new(), values: Vec::new(), mark: dialect.mark };
    let mut all = format!("tenant = {}", page.text(tenant));
    if let Some((created, id)) = after {
        let (created, id) = (page.number(*created), page.text(id));
        all = format!("{all} AND (created, id) < ({created}, {id})");
    }
    let before = page.number(i64::from(nth.saturating_sub(1)));
    page.sql = format!(
        "SELECT created, id FROM {}approvals WHERE {all} ORDER BY created DESC, id DESC LIMIT 1 OFFSET {before}",
        dialect.schema
    );
    page
}

/// The place that a row of [`nth`] says. One that can not be read is none: then what comes is looked through to its end.
pub(super) fn read_place(created: i64, id: &str) -> Option<(Timestamp, ApprovalId)> {
    Some((Timestamp::from_millis(created), id.parse().ok()?))
}

/// The conditions on the state, each of which is looked for by itself. What has run out is expired, written down or not.
fn states(
    filter: &ApprovalFilter,
    searched: bool,
    now: Timestamp,
    page: &mut Page,
) -> Vec<Option<String>> {
    match filter.state {
        None if !filter.settled => vec![None],
        None => settled(searched, now, page),
        Some(StateKind::Pending) if filter.settled => vec![Some("false".to_owned())],
        Some(state) => state_of(state, searched, now, page),
    }
}

/// What waits for nobody any more. State by state, so that the many that wait are not gone through.
fn settled(searched: bool, now: Timestamp, page: &mut Page) -> Vec<Option<String>> {
    let now = page.number(now.millis());
    let waits = StateKind::Pending;
    if searched {
        return vec![Some(format!("NOT (state = '{waits}' AND expires > {now})"))];
    }
    let others = StateKind::ALL.into_iter().filter(|kind| *kind != waits);
    let others = others.map(|kind| format!("state = '{kind}'"));
    others.chain([format!("state = '{waits}' AND expires <= {now}")]).map(Some).collect()
}

/// Those that stand so now.
fn state_of(
    state: StateKind,
    searched: bool,
    now: Timestamp,
    page: &mut Page,
) -> Vec<Option<String>> {
    match state {
        StateKind::Pending | StateKind::Approved => {
            vec![Some(format!("state = '{state}' AND expires > {}", page.number(now.millis())))]
        }
        StateKind::Expired => {
            let now = page.number(now.millis());
            let over = |kind: StateKind| format!("state = '{kind}' AND expires <= {now}");
            let ways = [
                "state = 'expired'".to_owned(),
                over(StateKind::Pending),
                over(StateKind::Approved),
            ];
            if searched {
                // What is searched is gone through once.
                vec![Some(format!("({})", ways.join(" OR ")))]
            } else {
                ways.map(Some).to_vec()
            }
        }
        _ => vec![Some(format!("state = '{state}'"))],
    }
}

/// Where the list goes on that the filter asks for.
pub(super) fn place(after: Option<&(Timestamp, ApprovalId)>) -> Option<Place> {
    after.map(|(created, id)| (created.millis(), id.to_string()))
}

/// What a search looks at: the id, the tool, the resource, and the account and the person that ask, a line each, so that no
/// search finds the end of one and the beginning of the next.
pub(super) fn sought(id: &ApprovalId, request: &Request) -> String {
    let mut resource = String::new();
    leaves(&request.resource, &mut resource);
    let asks = &request.requester;
    let person = asks.person.as_deref().unwrap_or_default();
    [&id.to_string(), &request.tool, resource.as_str(), &asks.subject, person]
        .map(folded)
        .join("\n")
}

/// Names and numbers, without the marks of JSON: they are in every resource.
fn leaves(value: &Value, found: &mut String) {
    let mut leaf = |text: &str| {
        if !found.is_empty() {
            found.push(' ');
        }
        found.push_str(text);
    };
    match value {
        Value::Null => {}
        Value::String(text) => leaf(text),
        Value::Bool(_) | Value::Number(_) => leaf(&value.to_string()),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
        Value::Object(map) => map.values().for_each(|item| leaves(item, found)),
    }
}

/// The text as it is compared. Character by character, so that a part of a text stays a part of it. Control characters are
/// spaces: one database keeps no NUL, and lines are ours.
fn folded(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
