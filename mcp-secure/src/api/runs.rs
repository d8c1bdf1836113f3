//! Runs: looking, taking back, saying what became of one in doubt.

use axum::response::Response;

use super::input::{self, MaybeReason, Query, Resolve};
use super::reply::{self, Problem};
use super::{Api, Asked, RolledBackView, RunView, RunsView};
use crate::identity::Authenticated;
use crate::pipeline::{Answer, written_place};
use crate::store::RunId;

impl Api {
    pub(super) async fn runs(&self, who: &Authenticated, query: &str) -> Result<Response, Problem> {
        let query = Query::parse(query, &["state", "tool", "limit", "cursor"])?;
        let (filter, limit) = (query.run_filter()?, query.limit()?);
        let page = self.opened.runs_page(who, filter, limit).await;
        let page = page.map_err(|_| Problem::unavailable())?;
        let next = page.next.map(written_place);
        let mut shown = RunsView { next, ..RunsView::default() };
        shown.extend(page.items);
        Ok(reply::ok(&shown))
    }

    pub(super) async fn run(
        &self,
        who: &Authenticated,
        id: &RunId,
        query: &str,
    ) -> Result<Response, Problem> {
        Query::parse(query, &[])?;
        let run = self.opened.run(who, id).await.map_err(|_| Problem::unavailable())?;
        Ok(reply::ok(&RunView::from(&run.ok_or_else(Problem::not_found)?)))
    }

    pub(super) async fn rollback(
        &self,
        who: &Authenticated,
        id: &RunId,
        asked: &Asked,
    ) -> Result<Response, Problem> {
        let fields = "`reason`, if liked, and nothing else";
        let MaybeReason { reason } = input::body(&asked.headers, &asked.body, fields)?;
        match self.opened.rollback(who, id, input::reason(reason)?).await {
            Answer::Done { request_id, output }
            | Answer::Replayed { request_id, output }
            | Answer::Previewed { request_id, output } => {
                Ok(reply::ok(&RolledBackView::new(*id, &request_id, &output)))
            }
            Answer::Refused { request_id, refusal } => {
                Err(reply::not_rolled_back(&request_id, &refusal))
            }
            Answer::Unknown => Err(Problem::not_found()),
        }
    }

    pub(super) async fn resolve(
        &self,
        who: &Authenticated,
        id: &RunId,
        asked: &Asked,
    ) -> Result<Response, Problem> {
        let fields = "`found` (`done` or `not_done`) and `reason`";
        let Resolve { found, reason } = input::body(&asked.headers, &asked.body, fields)?;
        let reason = input::needed_reason(reason)?;
        let run = self.opened.resolve(who, id, found.into(), &reason).await?;
        Ok(reply::ok(&RunView::from(&run)))
    }
}
