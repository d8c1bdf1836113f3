//! What is done about a request, from the form of a page to the page that says what became of it.

use axum::http::StatusCode;
use axum::response::Response;

use super::form::Form;
use super::page::request::REASON_CHARS;
use super::page::{self, outcome};
use super::reply;
use super::route::{self, Act};
use super::session::Visitor;
use super::site::Site;
use crate::approval::{Approval, ApprovalId, Verdict, VoteRefused};
use crate::canon::Digest;
use crate::pipeline::{DecideRefused, RevealRefused, Revealed};

impl Site {
    /// Does something about a request; `None` where the form is none of ours.
    pub(super) async fn act_on(
        &self,
        visitor: &Visitor,
        id: &ApprovalId,
        act: Act,
        form: &Form,
    ) -> Option<Response> {
        let digest = Digest::from_hex(form.get("digest")?)?;
        match act {
            Act::Approve => self.decide(visitor, id, digest, Verdict::Approve, form).await,
            Act::Deny => self.decide(visitor, id, digest, Verdict::Deny, form).await,
            Act::Withdraw => {
                form.only(&["token", "digest"]).ok()?;
                Some(self.withdraw(visitor, id, digest).await)
            }
            Act::Reveal => {
                form.only(&["token", "digest"]).ok()?;
                Some(self.reveal(visitor, id, digest).await)
            }
        }
    }

    async fn decide(
        &self,
        visitor: &Visitor,
        id: &ApprovalId,
        digest: Digest,
        verdict: Verdict,
        form: &Form,
    ) -> Option<Response> {
        form.only(&["token", "digest", "reason"]).ok()?;
        let reason = form.filled("reason").map(ToOwned::to_owned);
        let missing = match &reason {
            None if verdict == Verdict::Deny => {
                Some("Say why you deny it. Whoever looks at it later has to know.")
            }
            Some(reason) if reason.chars().count() > REASON_CHARS => {
                Some("The reason is too long: it can have 1000 characters.")
            }
            _ => None,
        };
        if let Some(what) = missing {
            let body = outcome::incomplete(&id.to_string(), what);
            let frame = self.frame(Some(visitor));
            let page = frame.page("Your decision is not complete", &body);
            return Some(reply::html(StatusCode::UNPROCESSABLE_ENTITY, page));
        }
        let made = self.opened.decide(visitor.who.clone(), id, digest, verdict, reason).await;
        Some(match made {
            Ok(_) => reply::see(&format!("{}/decided", route::request(id))),
            Err(why) => self.not_counted(visitor, id, digest, verdict, &why).await,
        })
    }

    /// Says why a decision does not count. A second click on the same button is told what the first one did.
    async fn not_counted(
        &self,
        visitor: &Visitor,
        id: &ApprovalId,
        digest: Digest,
        verdict: Verdict,
        why: &DecideRefused,
    ) -> Response {
        if let DecideRefused::Vote(VoteRefused::AlreadyVoted | VoteRefused::NotPending(_)) = why
            && let Ok(approval) = self.opened.approval(&visitor.who, id).await
            && approval.effect == digest
            && has_said(&approval, page::name(visitor), verdict)
        {
            return reply::see(&format!("{}/decided", route::request(id)));
        }
        let body = outcome::refused(&id.to_string(), why);
        let title = match why {
            DecideRefused::Unknown => "Your decision may count",
            _ => "Your decision does not count",
        };
        let page = self.frame(Some(visitor)).page(title, &body);
        reply::html(status(why), page)
    }
}

impl Site {
    /// Takes a request of the visitor's own back. The page of the request then says how it stands.
    async fn withdraw(&self, visitor: &Visitor, id: &ApprovalId, digest: Digest) -> Response {
        let stands = match self.opened.approval(&visitor.who, id).await {
            Ok(found) if found.effect == digest => self.opened.withdraw(&visitor.who, id).await,
            Ok(_) => Err(DecideRefused::Vote(VoteRefused::StaleDigest)),
            Err(why) => Err(why),
        };
        match stands {
            Ok(_) => reply::see(&route::request(id)),
            Err(why) => {
                let body = outcome::refused(&id.to_string(), &why);
                let title = match why {
                    DecideRefused::Unknown => "It may have been taken back",
                    _ => "It was not taken back",
                };
                let page = self.frame(Some(visitor)).page(title, &body);
                reply::html(status(&why), page)
            }
        }
    }

    /// Shows what is masked. The answer to the form itself, so that each look is asked for and recorded.
    async fn reveal(&self, visitor: &Visitor, id: &ApprovalId, digest: Digest) -> Response {
        match self.opened.reveal(&visitor.who, id, digest).await {
            Ok(Revealed { look, values }) => {
                let body = page::request::page(&look, visitor, Some(&values));
                let frame = self.framed(visitor, &look);
                reply::html(StatusCode::OK, frame.page(&page::request::title(&look), &body))
            }
            Err(why) => {
                let status = match why {
                    RevealRefused::NotFound => StatusCode::NOT_FOUND,
                    RevealRefused::NotPermitted(_) => StatusCode::FORBIDDEN,
                    RevealRefused::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                    RevealRefused::Stale
                    | RevealRefused::NothingMasked
                    | RevealRefused::NotServed => StatusCode::CONFLICT,
                };
                let body = outcome::said(&why.to_string(), &route::request(id));
                let page = self.frame(Some(visitor)).page("It is not shown", &body);
                reply::html(status, page)
            }
        }
    }
}

fn has_said(approval: &Approval, person: &str, verdict: Verdict) -> bool {
    approval.votes.iter().any(|vote| vote.person == person && vote.verdict == verdict)
}

const fn status(why: &DecideRefused) -> StatusCode {
    match why {
        DecideRefused::NotFound => StatusCode::NOT_FOUND,
        DecideRefused::Unavailable | DecideRefused::Unknown => StatusCode::SERVICE_UNAVAILABLE,
        DecideRefused::NotPermitted(_)
        | DecideRefused::Vote(
            VoteRefused::Requester
            | VoteRefused::UnknownRequester
            | VoteRefused::NoPerson
            | VoteRefused::Delegated
            | VoteRefused::SameClient,
        ) => StatusCode::FORBIDDEN,
        DecideRefused::Vote(_) | DecideRefused::Changed => StatusCode::CONFLICT,
    }
}
