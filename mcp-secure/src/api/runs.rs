//! Runs: looking, taking back, saying what became of one in doubt.

use axum::response::Response;
use serde_json::json;

use super::input::{self, MaybeReason, Query, Resolve};
use super::reply::{self, Problem};
use super::{Api, Asked, RolledBackView, RunView};
use crate::identity::Authenticated;
use crate::pipeline::Answer;
use crate::store::RunId;

impl Api {
    pub(super) async fn runs(&self, who: &Authenticated, query: &str) -> Result<Response, Problem> {
        let query = Query::parse(query, &["state", "tool", "limit"])?;
        let (state, tool, limit) = (query.run_state()?, query.tool(), query.limit()?);
        let runs = self.opened.runs(who, state, tool, limit).await;
        let runs = runs.map_err(|_| Problem::unavailable())?;
        let runs: Vec<RunView> = runs.iter().map(RunView::from).collect();
        Ok(reply::ok(&json!({"runs": runs})))
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
