//! Requests for approval: looking, deciding, taking back.

use axum::response::Response;
use serde_json::json;

use super::input::{self, Decision, Nothing, Query, Void};
use super::reply::{self, Problem};
use super::{Api, Asked, LeftView, RequestView, VoidedView};
use crate::approval::{ApprovalId, StateKind};
use crate::clock::Timestamp;
use crate::identity::Authenticated;
use crate::pipeline::written_place;

impl Api {
    pub(super) async fn requests(
        &self,
        who: &Authenticated,
        query: &str,
    ) -> Result<Response, Problem> {
        let query = Query::parse(query, &["state", "tool", "text", "limit", "cursor"])?;
        let (filter, limit) = (query.filter()?, query.limit()?);
        let page = self.opened.approvals_page(who, filter, limit).await;
        let page = page.map_err(|_| Problem::unavailable())?;
        let requests: Vec<RequestView> = page.items.iter().map(RequestView::from).collect();
        let next = page.next.map(written_place);
        Ok(reply::ok(&json!({"requests": requests, "next": next})))
    }

    pub(super) async fn request(
        &self,
        who: &Authenticated,
        id: &ApprovalId,
        query: &str,
    ) -> Result<Response, Problem> {
        Query::parse(query, &[])?;
        Ok(reply::ok(&RequestView::from(&self.opened.approval(who, id).await?)))
    }

    pub(super) async fn decide(
        &self,
        who: Authenticated,
        id: &ApprovalId,
        asked: &Asked,
    ) -> Result<Response, Problem> {
        let fields = "`digest`, `verdict` (`approve` or `deny`) and, if liked, `reason`";
        let Decision { digest, verdict, reason } =
            input::body(&asked.headers, &asked.body, fields)?;
        let reason = input::reason(reason)?;
        let decided = self.opened.decide(who, id, digest, verdict, reason).await?;
        Ok(reply::ok(&RequestView::from(&decided)))
    }

    /// Takes a request back that the account itself has made.
    pub(super) async fn withdraw(
        &self,
        who: &Authenticated,
        id: &ApprovalId,
        asked: &Asked,
    ) -> Result<Response, Problem> {
        let Nothing {} = input::body(&asked.headers, &asked.body, "nothing in it: `{}`")?;
        let stands = self.opened.withdraw(who, id).await?;
        match stands.state.kind() {
            StateKind::Withdrawn | StateKind::Void => Ok(reply::ok(&RequestView::from(&stands))),
            other => Err(Problem::conflict(
                "too_late",
                format!("the request is `{other}` and was not taken back"),
            )),
        }
    }

    pub(super) async fn void(
        &self,
        who: &Authenticated,
        asked: &Asked,
    ) -> Result<Response, Problem> {
        let fields = "`reason` and, if not all are meant, `before` (RFC 3339)";
        let Void { before, reason } = input::body(&asked.headers, &asked.body, fields)?;
        let reason = input::needed_reason(reason)?;
        let before = before.map(|text| {
            let wrong = "write `before` as `2026-07-28T12:00:00Z`";
            Timestamp::from_rfc3339(&text).ok_or_else(|| Problem::bad_request(wrong))
        });
        let made = self.opened.void(who, before.transpose()?, &reason).await;
        let made = made.map_err(|_| Problem::unavailable())?;
        Ok(reply::ok(&VoidedView {
            voided: made.gone.iter().map(RequestView::from).collect(),
            left: made.left.iter().map(LeftView::from).collect(),
        }))
    }
}
