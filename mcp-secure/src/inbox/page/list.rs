//! Lists of requests.

use maud::{Markup, html};
use serde_json::Value;

use super::text::{code, name, value};
use super::time::relative;
use super::values::is_word;
use crate::approval::{Approval, StateKind};
use crate::clock::Timestamp;
use crate::identity::Authenticated;
use crate::inbox::base::PATH;
use crate::inbox::form::encoded;
use crate::inbox::route;
use crate::pipeline::{RequestAt, written_place};
use crate::tool::Risk;

/// What a list is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::inbox) struct Wish {
    pub(in crate::inbox) tool: Option<String>,
    pub(in crate::inbox) text: Option<String>,
    pub(in crate::inbox) state: Option<StateKind>,
    pub(in crate::inbox) after: Option<RequestAt>,
}

impl Wish {
    /// The same as a part of an address, without the place in the list.
    fn query(&self) -> Vec<(&'static str, String)> {
        let state = self.state.map(|state| state.as_str().to_owned());
        [("tool", self.tool.clone()), ("q", self.text.clone()), ("state", state)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    fn is_empty(&self) -> bool {
        self.query().is_empty()
    }
}

/// A part of a list, as it is shown.
pub(in crate::inbox) struct Listed<'a> {
    pub(in crate::inbox) items: &'a [Approval],
    pub(in crate::inbox) next: Option<RequestAt>,
    pub(in crate::inbox) now: Timestamp,
    pub(in crate::inbox) who: &'a Authenticated,
    /// The address of the list.
    pub(in crate::inbox) at: &'a str,
    pub(in crate::inbox) wish: &'a Wish,
    pub(in crate::inbox) title: &'a dyn Fn(&str) -> Option<String>,
}

/// The form that narrows a list.
pub(in crate::inbox) fn filter(
    at: &str,
    wish: &Wish,
    tools: &[(String, String)],
    states: bool,
) -> Markup {
    html! {
        form.filter method="get" action=(at) role="search" aria-label="Narrow the list" {
            div.field {
                label for="q" { "Search" }
                input #q type="search" name="q" maxlength="100" value=[wish.text.as_deref()]
                    placeholder="id, tool, resource or name";
            }
            div.field {
                label for="tool" { "Tool" }
                select #tool name="tool" {
                    option value="" { "All tools" }
                    @for (name, title) in tools {
                        option value=(name) selected[wish.tool.as_ref() == Some(name)] { (title) }
                    }
                }
            }
            @if states {
                div.field {
                    label for="state" { "State" }
                    select #state name="state" {
                        option value="" { "All states" }
                        @for kind in StateKind::ALL.into_iter().filter(|kind| *kind != StateKind::Pending) {
                            option value=(kind.as_str()) selected[wish.state == Some(kind)] { (state_word(kind)) }
                        }
                    }
                }
            }
            button.quiet type="submit" { "Show" }
            @if !wish.is_empty() { a.clear href=(at) { "Show all" } }
        }
    }
}

/// The list itself.
pub(in crate::inbox) fn list(listed: &Listed<'_>, empty: &str) -> Markup {
    html! {
        @if listed.items.is_empty() {
            p.empty {
                @if listed.next.is_some() { "Nothing so far that you may see. There is more to look through." } @else { (empty) }
            }
        } @else {
            ul.cards { @for approval in listed.items { (card(listed, approval)) } }
        }
        @let first = address(listed.at, &listed.wish.query());
        (ways(&first, listed.next.map(written_place), listed.wish.after.is_some()))
    }
}

/// The ways on from a part of a list whose first page is at `first`, and back.
pub(in crate::inbox) fn ways(first: &str, next: Option<String>, is_later: bool) -> Markup {
    let joint = if first.contains('?') { '&' } else { '?' };
    html! {
        @if let Some(next) = next {
            nav.more aria-label="More of this list" {
                a href={ (first) (joint) "after=" (next) } { "Next page" }
            }
        }
        @if is_later {
            p { a href=(first) { "Back to the first page" } }
        }
    }
}

/// The address `at` with what the list there is narrowed to.
pub(in crate::inbox) fn address(at: &str, pairs: &[(&'static str, String)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { at.to_owned() } else { format!("{at}?{}", pairs.join("&")) }
}

fn card(listed: &Listed<'_>, approval: &Approval) -> Markup {
    let asked = &approval.requester;
    let own = asked.issuer == listed.who.issuer && asked.subject == listed.who.subject;
    let title = (listed.title)(&approval.tool).unwrap_or_else(|| approval.tool.clone());
    html! {
        li.card {
            h2 { a href=(route::request(&approval.id)) { (name(&title)) } }
            p.tags {
                (risk(&approval.risk))
                (state(approval))
                @if own { span.tag { "asked by you" } }
            }
            p {
                "For " (value(asked.person.as_deref().unwrap_or(&asked.subject)))
                " through " (value(&asked.client))
                @let on = resource(&approval.resource);
                @if !on.is_empty() { ", on " (code(&on)) }
            }
            (gist(approval, &on))
            p.times {
                "Asked " (relative(approval.created, listed.now))
                @if approval.state.kind().is_live() { " · runs out " (relative(approval.expires, listed.now)) }
            }
        }
    }
}

/// The short arguments, by which requests of one tool are told apart. Nothing that says anything to anybody is among them.
fn gist(approval: &Approval, on: &str) -> Markup {
    let short = |value: &Value| match value {
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        // What is in the resource's name is said already.
        Value::String(text) if is_word(text) && text.len() <= 24 && !on.contains(text.as_str()) => {
            Some(text.clone())
        }
        _ => None,
    };
    let pairs = approval.arguments.as_object().into_iter().flatten();
    let found: Vec<(&String, String)> =
        pairs.filter_map(|(name, value)| Some((name, short(value)?))).take(4).collect();
    html! {
        @if !found.is_empty() {
            p.gist { @for (name, value) in &found { span { (code(name)) " " strong { (value) } } } }
        }
    }
}

/// How much harm a call can do. The words are the declaration's; any other text is shown and not styled.
pub(in crate::inbox) fn risk(word: &str) -> Markup {
    let known = [Risk::Low, Risk::Medium, Risk::High, Risk::Critical];
    let known = known.into_iter().find(|risk| risk.as_str() == word).map(Risk::as_str);
    html! {
        @if let Some(risk) = known { span class={ "tag risk-" (risk) } { (risk) " risk" } }
        @else { span.tag { (value(word)) } }
    }
}

/// Where a request stands, with its votes while they are counted.
pub(in crate::inbox) fn state(approval: &Approval) -> Markup {
    let kind = approval.state.kind();
    html! {
        span class={ "tag state-" (kind.as_str()) } {
            (state_word(kind))
            @if kind == StateKind::Pending && approval.quorum > 1 {
                " (" (approval.approvals()) " of " (approval.quorum) ")"
            }
        }
    }
}

/// A state in words.
pub(in crate::inbox) const fn state_word(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Pending => "waits for a decision",
        StateKind::Approved => "approved, not run yet",
        StateKind::Running => "runs now",
        StateKind::Done => "done",
        StateKind::Failed => "failed",
        StateKind::InDoubt => "in doubt",
        StateKind::Denied => "denied",
        StateKind::Expired => "ran out",
        StateKind::Withdrawn => "withdrawn",
        StateKind::Void => "void",
    }
}

/// What a request is about, by name.
pub(in crate::inbox) fn resource(resource: &Value) -> String {
    match resource {
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => plain(other),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// The list as the script takes it: by itself.
pub(in crate::inbox) fn fragment(list: &Markup) -> Markup {
    html! { div #pending { (list) } }
}

/// Where the script says what has changed.
pub(in crate::inbox) fn live() -> Markup {
    html! { p #live.live role="status" aria-live="polite" data-from={ (PATH) "/pending" } {} }
}
