//! What became of what somebody did.

use maud::{Markup, html};

use super::list::state_word;
use super::text::{sentence, value};
use super::time::stamp;
use crate::approval::{State, StateKind, Verdict, VoteRefused};
use crate::inbox::base::PATH;
use crate::inbox::route;
use crate::pipeline::{DecideRefused, Look};

/// After a decision that counts, in the words of the request as it stands.
pub(in crate::inbox) fn decided(look: &Look, person: &str) -> Markup {
    let approval = &look.approval;
    let own = approval.votes.iter().find(|vote| vote.person == person);
    let (have, need) = (approval.approvals(), approval.quorum.max(1));
    html! {
        @match own.map(|vote| vote.verdict) {
            None => p { "You have not decided on this request." },
            Some(Verdict::Approve) => {
                p.done role="status" { "You approved this. Your decision counts." }
                @match look.state() {
                    StateKind::Pending => p { (have) " of " (need) " approvals are there. It waits for the rest." },
                    StateKind::Approved => p {
                        "The agent can run it once, until " (stamp(approval.expires, look.now)) "."
                    },
                    other => p { "It stands as: " (state_word(other)) "." },
                }
            }
            Some(Verdict::Deny) => {
                p.done role="status" { "You denied this. It will not run." }
            }
        }
        @if let (State::Denied { person: by, .. }, true) = (&approval.state, own.is_none_or(|v| v.verdict == Verdict::Approve)) {
            p { (value(by)) " denied it." }
        }
        ul.plain {
            li { a href=(PATH) { "What else waits" } }
            li { a href=(route::request(&approval.id)) { "This request" } }
        }
    }
}

/// After a decision that does not count.
pub(in crate::inbox) fn refused(id: &str, why: &DecideRefused) -> Markup {
    html! {
        p.note role="alert" {
            @match why {
                DecideRefused::Vote(VoteRefused::Requester) => {
                    "You asked for this, or somebody did so on your behalf. Somebody else has to decide."
                }
                why => (sentence(&why.to_string())),
            }
        }
        @if !matches!(why, DecideRefused::Unknown) {
            p { "Nothing was changed by this." }
        }
        (back(id, why))
    }
}

fn back(id: &str, why: &DecideRefused) -> Markup {
    html! {
        ul.plain {
            @if !matches!(why, DecideRefused::NotFound) {
                li { a href={ (PATH) "/requests/" (id) } { "The request as it stands now" } }
            }
            li { a href=(PATH) { "What else waits" } }
        }
    }
}

/// After a form that lacks something.
pub(in crate::inbox) fn incomplete(id: &str, what: &str) -> Markup {
    html! {
        p.note role="alert" { (what) }
        p { "Nothing was decided." }
        ul.plain { li { a href={ (PATH) "/requests/" (id) } { "Back to the request" } } }
    }
}

/// After something that was not done, with the way back.
pub(in crate::inbox) fn said(why: &str, back: &str) -> Markup {
    html! {
        p.note role="alert" { (sentence(why)) }
        ul.plain { li { a href=(back) { "Back" } } }
    }
}
