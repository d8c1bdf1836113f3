//! One request in full: what there is to decide, who asks, and the forms to decide with.

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::list::{resource, risk, state, state_word};
use super::text::{code, fenced, sentence, value};
use super::time::stamp;
use super::token;
use super::values::{preview, table};
use crate::approval::{Approval, CastVote, State, StateKind, Verdict, VoteRefused};
use crate::clock::Timestamp;
use crate::identity::Method;
use crate::inbox::route;
use crate::inbox::session::Visitor;
use crate::pipeline::{DecideRefused, Look};
use crate::store::RunId;

/// The longest reason, in characters.
pub(in crate::inbox) const REASON_CHARS: usize = 1000;

/// What the tool is called.
pub(in crate::inbox) fn title(look: &Look) -> String {
    let title = look.tool.as_ref().and_then(|tool| tool.spec.title);
    title.unwrap_or(&look.approval.tool).to_owned()
}

/// The page. What is masked is on it where it was just revealed.
pub(in crate::inbox) fn page(
    look: &Look,
    visitor: &Visitor,
    revealed: Option<&Map<String, Value>>,
) -> Markup {
    let approval = &look.approval;
    html! {
        @if revealed.is_some() {
            p.done role="status" { "You are shown what is masked for others. That is on record." }
        }
        p.tags { (risk(&approval.risk)) (state(approval)) }
        @if look.state() == StateKind::Pending && is_grave(&approval.risk) {
            p.grave { "This is a call of " (value(&approval.risk)) " risk. Read all of it before you decide." }
        }
        (does(look, visitor, revealed))
        (asks(look))
        (why(look))
        (votes(approval, look.now))
        (decision(look, visitor))
        (taking_back(look, visitor))
        (identity(approval))
    }
}

fn is_grave(risk: &str) -> bool {
    matches!(risk, "high" | "critical")
}

fn asks(look: &Look) -> Markup {
    let asked = &look.approval.requester;
    html! {
        section aria-labelledby="asks" {
            h2 #asks { "Who asks" }
            dl {
                dt { "Person" }
                dd {
                    @match &asked.person {
                        Some(person) => { (value(person)) @if look.own { " (you)" } }
                        None => span.none { "no person is known behind this account" }
                    }
                }
                dt { "Account" }
                dd { (code(&asked.subject)) " at " (code(&asked.issuer)) }
                dt { "Tenant" }
                dd { (value(&asked.tenant)) }
                dt { "Agent" }
                dd { (code(&asked.client)) }
                @if !asked.actors.is_empty() {
                    dt { "Acting for it" }
                    dd { ul.plain { @for actor in &asked.actors { li { (code(actor)) } } } }
                }
                dt { "Proven by" }
                dd { (proven(asked.method)) }
                dt { "Asked" }
                dd { (stamp(look.approval.created, look.now)) }
                dt { "Runs out" }
                dd { (stamp(look.approval.expires, look.now)) }
            }
        }
    }
}

pub(in crate::inbox) const fn proven(method: Method) -> &'static str {
    match method {
        Method::Bearer => "an access token of its issuer",
        Method::Local => "the user who started the process",
        Method::Interactive => "signing in with a browser",
        Method::Asserted => "nothing: a name chosen by the operator (sandbox)",
    }
}

fn does(look: &Look, visitor: &Visitor, revealed: Option<&Map<String, Value>>) -> Markup {
    let approval = &look.approval;
    let on = resource(&approval.resource);
    html! {
        section aria-labelledby="does" {
            h2 #does { "What it would do" }
            p { (code(&approval.tool)) @if !on.is_empty() { " on " (code(&on)) } }
            @match &look.tool {
                Some(tool) => p.about { (value(tool.spec.description)) },
                None => p.note { "This tool is not served any more, so the call can not run." },
            }
            @match approval.arguments.as_object() {
                Some(arguments) if !arguments.is_empty() => {
                    (table("Arguments", &with(arguments, revealed), |name| look.described(name)))
                }
                Some(_) => p { "It takes no arguments." },
                None => (fenced(&approval.arguments.to_string())),
            }
            @if look.reveals && revealed.is_none() { (unmasking(approval, visitor)) }
            @if let Some(shown) = &approval.preview {
                h3 { "What a dry run said" }
                (preview(shown))
            }
        }
    }
}

/// The arguments with those that were revealed in place of their masks.
fn with(
    arguments: &Map<String, Value>,
    revealed: Option<&Map<String, Value>>,
) -> Map<String, Value> {
    let mut shown = arguments.clone();
    for (name, value) in revealed.into_iter().flatten() {
        shown.insert(name.clone(), value.clone());
    }
    shown
}

fn unmasking(approval: &Approval, visitor: &Visitor) -> Markup {
    html! {
        form method="post" action={ (route::request(&approval.id)) "/reveal" } {
            (token(visitor)) (shown(approval))
            p.small { "What is not shown here is sensitive. That you see it is recorded." }
            button.quiet type="submit" { "Show what is masked" }
        }
    }
}

fn why(look: &Look) -> Markup {
    let approval = &look.approval;
    let needed = approval.quorum.max(1);
    html! {
        section aria-labelledby="why" {
            h2 #why { "Why people decide" }
            dl {
                dt { "Asked for by" }
                dd { (value(&approval.asked_by)) }
                dt { "It takes" }
                dd {
                    (needed) @if needed == 1 { " person" } @else { " different people" }
                    " with " (code(&approval.by))
                }
                dt { "So far" }
                dd { (approval.approvals()) " of " (needed) @if needed == 1 { " approval" } @else { " approvals" } }
                dt { "State" }
                dd { (state_word(look.state())) (detail(&approval.state, look.now)) }
            }
        }
    }
}

/// What a state adds to its word.
fn detail(state: &State, now: Timestamp) -> Markup {
    html! {
        @match state {
            State::Pending => {}
            State::Approved { at } | State::Expired { at } | State::Withdrawn { at } => { ", " (stamp(*at, now)) }
            State::Running { run, at } => { ", " (stamp(*at, now)) ", " (ran(run)) }
            State::Done { at, resolved_by, .. } => {
                ", " (stamp(*at, now))
                @if let Some(person) = resolved_by { ", found out by " (value(person)) }
            }
            State::Failed { at, error, resolved_by } => {
                ", " (stamp(*at, now))
                @if let Some(person) = resolved_by { ", found out by " (value(person)) }
                (fenced(error))
            }
            State::InDoubt { run, at, why } => {
                ", " (stamp(*at, now)) ", " (ran(run))
                (fenced(why))
            }
            State::Denied { at, person, .. } => { ", by " (value(person)) ", " (stamp(*at, now)) }
            State::Void { at, why } => { ", " (stamp(*at, now)) (fenced(why)) }
        }
    }
}

fn ran(run: &RunId) -> Markup {
    html! { "in " a href=(route::run(run)) { (code(&run.to_string())) } }
}

fn votes(approval: &Approval, now: Timestamp) -> Markup {
    html! {
        @if !approval.votes.is_empty() {
            section aria-labelledby="votes" {
                h2 #votes { "Decisions so far" }
                ul.cards { @for vote in &approval.votes { (cast(vote, now)) } }
            }
        }
    }
}

fn cast(vote: &CastVote, now: Timestamp) -> Markup {
    html! {
        li.card {
            p {
                strong { (value(&vote.person)) }
                @match vote.verdict {
                    Verdict::Approve => " approved",
                    Verdict::Deny => " denied",
                }
                ", " (stamp(vote.at, now))
                ", in " (code(&vote.client)) ", proven by " (proven(vote.method))
            }
            @if let Some(reason) = vote.reason.as_deref().filter(|reason| !reason.is_empty()) { (fenced(reason)) }
        }
    }
}

fn decision(look: &Look, visitor: &Visitor) -> Markup {
    let approval = &look.approval;
    if look.state() != StateKind::Pending {
        return html! {};
    }
    html! {
        section.decide aria-labelledby="decide" {
            h2 #decide { "Decide" }
            @match &look.decide {
                Ok(()) => { (forms(approval, visitor)) }
                Err(why) => { (not_yours(why)) }
            }
        }
    }
}

fn forms(approval: &Approval, visitor: &Visitor) -> Markup {
    let at = route::request(&approval.id);
    let last = approval.approvals().saturating_add(1)
        >= usize::try_from(approval.quorum.max(1)).unwrap_or(usize::MAX);
    html! {
        p {
            @if last { "If you approve, the agent can run this call once, exactly as it is shown here." }
            @else { "If you approve, one more person is still needed before anything runs." }
        }
        div.choices {
            form method="post" action={ (at) "/approve" } {
                (token(visitor)) (shown(approval))
                label for="approve-reason" { "Reason (if you like)" }
                textarea #approve-reason name="reason" rows="2" maxlength=(REASON_CHARS) {}
                button.approve type="submit" { "Approve" }
            }
            form method="post" action={ (at) "/deny" } {
                (token(visitor)) (shown(approval))
                label for="deny-reason" { "Reason" }
                textarea #deny-reason name="reason" rows="2" maxlength=(REASON_CHARS) required {}
                button.deny type="submit" { "Deny" }
            }
        }
    }
}

/// The digest of what is on the page. A decision on anything else does not count.
pub(in crate::inbox) fn shown(approval: &Approval) -> Markup {
    html! { input type="hidden" name="digest" value=(approval.effect.to_hex()); }
}

/// Why this person does not decide on it.
pub(in crate::inbox) fn not_yours(why: &DecideRefused) -> Markup {
    html! {
        p.note {
            @match why {
                DecideRefused::NotFound => "What this is about can not be found any more, so nobody can decide on it.",
                DecideRefused::Vote(VoteRefused::Requester) => {
                    "You asked for this, or somebody did so on your behalf. Somebody else has to decide."
                }
                DecideRefused::Vote(VoteRefused::AlreadyVoted) => "You have decided on this.",
                why => { (sentence(&why.to_string())) }
            }
        }
    }
}

fn taking_back(look: &Look, visitor: &Visitor) -> Markup {
    if !look.own || !matches!(look.state(), StateKind::Pending | StateKind::Approved) {
        return html! {};
    }
    html! {
        section aria-labelledby="withdraw" {
            h2 #withdraw { "Take it back" }
            p { "You asked for this. Taken back, it can not run, and nobody has to decide on it." }
            form method="post" action={ (route::request(&look.approval.id)) "/withdraw" } {
                (token(visitor)) (shown(&look.approval))
                button.quiet type="submit" { "Withdraw" }
            }
        }
    }
}

fn identity(approval: &Approval) -> Markup {
    html! {
        details.identity {
            summary { "Id and digest" }
            dl {
                dt { "Id" }
                dd { (code(&approval.id.to_string())) }
                dt { "Digest" }
                dd { (code(&approval.effect.to_hex())) }
                dt { "Contract" }
                dd { (code(&approval.contract.to_hex())) }
            }
            p.small { "The digest stands for the account, the tool, the resource and all arguments. A decision names it." }
        }
    }
}
