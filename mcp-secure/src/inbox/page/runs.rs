//! What has run, what may be taken back, and what nobody knows the end of.

use maud::{Markup, html};

use super::list::{address, ways};
use super::request::{REASON_CHARS, proven};
use super::text::{code, fenced, name, sentence, value};
use super::time::{relative, stamp};
use super::token;
use crate::approval::{Party, VoteRefused, may_resolve};
use crate::clock::Timestamp;
use crate::inbox::base::PATH;
use crate::inbox::route;
use crate::inbox::session::Visitor;
use crate::pipeline::{Page, RunAt, written_place};
use crate::store::{ListedRun, RunRecord, RunState, UnreadableRun};

/// What a list of runs is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::inbox) struct RunWish {
    pub(in crate::inbox) state: Option<RunState>,
    pub(in crate::inbox) tool: Option<String>,
    pub(in crate::inbox) after: Option<RunAt>,
}

impl RunWish {
    /// The same as a part of an address, without the place in the list.
    fn query(&self) -> Vec<(&'static str, String)> {
        let state = self.state.map(|state| state.as_str().to_owned());
        let pairs = [("tool", self.tool.clone()), ("state", state)];
        pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// The tool of a line.
pub(in crate::inbox) fn tool(line: &ListedRun) -> String {
    match line {
        ListedRun::Run(run) => run.tool.clone(),
        ListedRun::Unreadable(run) => run.tool.clone(),
    }
}

/// What a visitor could do about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inbox) struct Could {
    pub(in crate::inbox) resolve: bool,
    pub(in crate::inbox) rollback: bool,
}

/// The list.
pub(in crate::inbox) fn list(
    page: &Page<ListedRun, RunAt>,
    wish: &RunWish,
    tools: &[(String, String)],
    title: &dyn Fn(&str) -> Option<String>,
) -> Markup {
    html! {
        form.filter method="get" action={ (PATH) "/runs" } role="search" aria-label="Narrow the list" {
            div.field {
                label for="tool" { "Tool" }
                select #tool name="tool" {
                    option value="" { "All tools" }
                    @for (name, title) in tools {
                        option value=(name) selected[wish.tool.as_ref() == Some(name)] { (title) }
                    }
                }
            }
            div.field {
                label for="state" { "State" }
                select #state name="state" {
                    option value="" { "All states" }
                    @for state in RunState::ALL {
                        option value=(state.as_str()) selected[wish.state == Some(state)] { (word(state)) }
                    }
                }
            }
            button.quiet type="submit" { "Show" }
        }
        @if page.items.is_empty() {
            p.empty {
                @if page.next.is_some() { "Nothing so far that you may see." } @else { "There is no such run." }
            }
        } @else {
            ul.cards {
                @for line in &page.items {
                    @match line {
                        ListedRun::Run(run) => (card(run, page.now, title)),
                        ListedRun::Unreadable(run) => (unreadable(run, page.now, title)),
                    }
                }
            }
        }
        @let first = address(&format!("{PATH}/runs"), &wish.query());
        (ways(&first, page.next.map(written_place), wish.after.is_some()))
    }
}

/// A line of which little is known. It leads nowhere: there is no page to show.
fn unreadable(
    run: &UnreadableRun,
    now: Timestamp,
    title: &dyn Fn(&str) -> Option<String>,
) -> Markup {
    html! {
        li.card {
            h2 { (name(&title(&run.tool).unwrap_or_else(|| run.tool.clone()))) }
            p.tags { (state(run.state)) }
            p.note {
                "What the store holds of this run can not be read. Tell whoever runs this server: "
                (code(&run.run_id.to_string()))
            }
            p.times { "Begun " (relative(run.started, now)) }
        }
    }
}

fn card(run: &RunRecord, now: Timestamp, title: &dyn Fn(&str) -> Option<String>) -> Markup {
    html! {
        li.card {
            h2 {
                a href=(route::run(&run.run_id)) {
                    (name(&title(&run.tool).unwrap_or_else(|| run.tool.clone())))
                }
            }
            p.tags {
                (state(run.state))
                @if run.compensates.is_some() { span.tag { "takes another run back" } }
                @if let Some(right) = &run.rollback {
                    @if right.taken_by.is_some() { span.tag { "taken back" } }
                    @else if right.until > now && run.state == RunState::Done { span.tag { "can be taken back" } }
                }
            }
            p { "For " (value(run.caller.person.as_deref().unwrap_or(&run.caller.subject))) " through " (value(&run.caller.client)) }
            p.times { "Begun " (relative(run.started, now)) }
        }
    }
}

fn state(state: RunState) -> Markup {
    html! { span class={ "tag state-" (state.as_str()) } { (word(state)) } }
}

const fn word(state: RunState) -> &'static str {
    match state {
        RunState::Running => "runs now",
        RunState::Done => "done",
        RunState::Failed => "failed",
        RunState::NoEffect => "had no effect",
        RunState::InDoubt => "in doubt",
    }
}

/// One run. What it was given and what it returned is not on the page: it may be sensitive.
pub(in crate::inbox) fn page(
    run: &RunRecord,
    now: Timestamp,
    visitor: &Visitor,
    could: Could,
) -> Markup {
    html! {
        p.tags { (state(run.state)) }
        section aria-labelledby="what" {
            h2 #what { "What ran" }
            dl {
                dt { "Tool" }
                dd { (code(&run.tool)) }
                dt { "Called by" }
                dd {
                    @match &run.caller.person {
                        Some(person) => (value(person)),
                        None => span.none { "no person is known behind this account" },
                    }
                    ", " (code(&run.caller.subject)) " at " (code(&run.caller.issuer))
                }
                dt { "Agent" }
                dd { (code(&run.caller.client)) ", proven by " (proven(run.caller.method)) }
                dt { "Tenant" }
                dd { (value(&run.caller.tenant)) }
                dt { "Begun" }
                dd { (stamp(run.started, now)) }
                @if let Some(at) = run.finished {
                    dt { "Known since" }
                    dd { (stamp(at, now)) }
                }
                @if let Some(approval) = &run.approval {
                    dt { "Approved in" }
                    dd { a href=(route::request(approval)) { (code(&approval.to_string())) } }
                }
                @if let Some(other) = &run.compensates {
                    dt { "Takes back" }
                    dd { a href=(route::run(other)) { (code(&other.to_string())) } }
                }
                @if let Some(right) = &run.rollback {
                    dt { "Taken back" }
                    dd {
                        @match &right.taken_by {
                            Some(other) => { "by " a href=(route::run(other)) { (code(&other.to_string())) } }
                            None if right.until > now => { "not yet; it can be until " (stamp(right.until, now)) }
                            None => "no, and the time to do so is over",
                        }
                    }
                }
                dt { "Run" }
                dd { (code(&run.run_id.to_string())) }
                dt { "Call" }
                dd { (code(&run.request_id)) }
            }
            @if let Some(error) = &run.error { p { "What was said of it:" } (fenced(error)) }
            @if run.late { p.note { "It told how it ended after it was in doubt. That is kept for whoever resolves it." } }
        }
        @if run.state == RunState::InDoubt { (doubt(run, visitor, could)) }
        @if could.rollback && can_be_taken_back(run, now) {
            section aria-labelledby="back" {
                h2 #back { "Take it back" }
                p { a href={ (route::run(&run.run_id)) "/rollback" } { "Take back what this run did" } }
            }
        }
    }
}

/// Whether there is anything to take back still.
pub(in crate::inbox) fn can_be_taken_back(run: &RunRecord, now: Timestamp) -> bool {
    run.state == RunState::Done
        && run.rollback.as_ref().is_some_and(|right| right.taken_by.is_none() && right.until > now)
}

fn doubt(run: &RunRecord, visitor: &Visitor, could: Could) -> Markup {
    let who = Party::from(visitor.who.principal());
    let own = may_resolve(&run.caller, &who);
    html! {
        section aria-labelledby="doubt" {
            h2 #doubt { "Nobody knows how it ended" }
            p { "Look at the system that the tool acts on. Then say what you found; the same call stays blocked until then." }
            @match own {
                _ if !could.resolve => p.note { "Policy does not let you resolve runs of this tool." },
                Err(VoteRefused::Requester) => p.note { "You made this call. Somebody else has to say how it ended." },
                Err(why) => p.note { (sentence(&why.to_string())) },
                Ok(_) => form method="post" action={ (route::run(&run.run_id)) "/resolve" } {
                    (token(visitor))
                    fieldset {
                        legend { "What you found" }
                        label.choice { input type="radio" name="found" value="done" required; "It was done" }
                        label.choice { input type="radio" name="found" value="not_done" required; "It was not done" }
                    }
                    (reason("How you found out"))
                    button type="submit" { "Resolve" }
                },
            }
        }
    }
}

/// The field for a reason that has to be given.
pub(in crate::inbox) fn reason(label: &str) -> Markup {
    html! {
        label for="reason" { (label) }
        textarea #reason name="reason" rows="2" maxlength=(REASON_CHARS) required {}
    }
}

/// Asks before a run is taken back.
pub(in crate::inbox) fn confirm(run: &RunRecord, now: Timestamp, visitor: &Visitor) -> Markup {
    html! {
        section aria-labelledby="sure" {
            h2 #sure { "This calls the tool's own way back, at once" }
            dl {
                dt { "Tool" }
                dd { (code(&run.tool)) }
                dt { "Called by" }
                dd { (value(run.caller.person.as_deref().unwrap_or(&run.caller.subject))) }
                dt { "Begun" }
                dd { (stamp(run.started, now)) }
                dt { "Run" }
                dd { (code(&run.run_id.to_string())) }
            }
        }
        form method="post" action={ (route::run(&run.run_id)) "/rollback" } {
            (token(visitor))
            (reason("Why"))
            button.deny type="submit" { "Take it back" }
        }
        p { a href=(route::run(&run.run_id)) { "Leave it as it is" } }
    }
}
