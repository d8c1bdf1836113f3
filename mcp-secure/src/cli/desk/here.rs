//! The application opened on this machine, for somebody named in its sandbox.

use std::sync::Arc;

use super::super::escape::escaped;
use super::super::{Context, Failure, Opening};
use super::not_rolled_back;
use crate::api::{
    LeftView, RequestView, RolledBackView, RunView, RunsView, SwitchView, SwitchedView, VoidedView,
};
use crate::approval::{ApprovalId, StateKind, Verdict};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::identity::{Authenticated, DataDir};
use crate::pipeline::Answer;
use crate::server::Opened;
use crate::store::{ApprovalFilter, Resolution, RunFilter, RunId, SwitchScope};

/// The client that what is decided here is carried by. Never one that a tool is called through.
const CLIENT: &str = "command-line";

/// Somebody at this machine's store.
pub(in crate::cli) struct Here {
    who: Authenticated,
    opened: Arc<dyn Opened>,
}

/// Choosing a person by name works in a sandbox alone.
pub(in crate::cli) fn identify(
    context: &Context,
    data: &DataDir,
    person: &str,
) -> Result<Authenticated, Failure> {
    let sandbox = data.sandbox().map_err(Failure::because)?;
    context.app.people().assert(person, CLIENT, sandbox).map_err(Failure::because)
}

impl Here {
    pub(super) async fn open(context: &Context, person: &str) -> Result<Self, Failure> {
        let data = context.data()?;
        let who = identify(context, &data, person)?;
        let opened = context
            .app
            .open(data, Opening::Desk, context.store.clone())
            .await
            .map_err(|faults| Failure::all(&faults))?;
        Ok(Self { who, opened })
    }

    pub(super) fn by(&self) -> String {
        format!(" by {}", escaped(&self.who.subject))
    }

    pub(super) async fn requests(
        &self,
        mut filter: ApprovalFilter,
        limit: u32,
    ) -> Result<Vec<RequestView>, Failure> {
        let mut found = Vec::new();
        loop {
            let missing = left(limit, found.len());
            let page = self.opened.approvals_page(&self.who, filter.clone(), missing).await;
            let page = page.map_err(Failure::because)?;
            found.extend(page.items.iter().map(RequestView::from));
            filter.after = page.next;
            // A page may be shorter than it could be and have another after it.
            if page.next.is_none() || left(limit, found.len()) == 0 {
                return Ok(found);
            }
        }
    }

    pub(super) async fn request(&self, id: &ApprovalId) -> Result<RequestView, Failure> {
        let found = self.opened.approval(&self.who, id).await.map_err(Failure::because)?;
        Ok(RequestView::from(&found))
    }

    pub(super) async fn decide(
        &self,
        id: &ApprovalId,
        digest: Digest,
        verdict: Verdict,
        reason: Option<String>,
    ) -> Result<RequestView, Failure> {
        let made = self.opened.decide(self.who.clone(), id, digest, verdict, reason).await;
        Ok(RequestView::from(&made.map_err(Failure::because)?))
    }

    pub(super) async fn withdraw(&self, id: &ApprovalId) -> Result<RequestView, Failure> {
        let stands = self.opened.withdraw(&self.who, id).await.map_err(Failure::because)?;
        match stands.state.kind() {
            StateKind::Withdrawn | StateKind::Void => Ok(RequestView::from(&stands)),
            other => {
                Err(Failure::because(format!("the request is `{other}` and was not taken back")))
            }
        }
    }

    pub(super) async fn void(
        &self,
        before: Option<Timestamp>,
        reason: &str,
    ) -> Result<VoidedView, Failure> {
        let made = self.opened.void(&self.who, before, reason).await.map_err(Failure::because)?;
        Ok(VoidedView {
            voided: made.gone.iter().map(RequestView::from).collect(),
            left: made.left.iter().map(LeftView::from).collect(),
        })
    }

    pub(super) async fn runs(
        &self,
        mut filter: RunFilter,
        limit: u32,
    ) -> Result<RunsView, Failure> {
        let mut found = RunsView::default();
        loop {
            let missing = left(limit, found.runs.len());
            let page = self.opened.runs_page(&self.who, filter.clone(), missing).await;
            let page = page.map_err(Failure::because)?;
            found.extend(page.items);
            filter.after = page.next;
            if page.next.is_none() || left(limit, found.runs.len()) == 0 {
                return Ok(found);
            }
        }
    }

    pub(super) async fn run(&self, id: &RunId) -> Result<RunView, Failure> {
        let found = self.opened.run(&self.who, id).await.map_err(Failure::because)?;
        Ok(RunView::from(&found.ok_or_else(no_run)?))
    }

    pub(super) async fn rollback(
        &self,
        id: &RunId,
        reason: Option<String>,
    ) -> Result<RolledBackView, Failure> {
        match self.opened.rollback(&self.who, id, reason).await {
            Answer::Done { request_id, output }
            | Answer::Replayed { request_id, output }
            | Answer::Previewed { request_id, output } => {
                Ok(RolledBackView::new(*id, &request_id, &output))
            }
            Answer::Refused { request_id, refusal } => Err(not_rolled_back(
                refusal.executed,
                refusal.code.as_str(),
                &refusal.reason,
                refusal.remedy.as_deref(),
                &request_id,
            )),
            Answer::Unknown => Err(no_run()),
        }
    }

    pub(super) async fn resolve(
        &self,
        id: &RunId,
        found: Resolution,
        reason: &str,
    ) -> Result<RunView, Failure> {
        let resolved = self.opened.resolve(&self.who, id, found, reason).await;
        Ok(RunView::from(&resolved.map_err(Failure::because)?))
    }

    pub(super) async fn switches(&self) -> Result<Vec<SwitchView>, Failure> {
        let found = self.opened.switched_off(&self.who).await.map_err(Failure::because)?;
        Ok(found.iter().map(SwitchView::from).collect())
    }

    pub(super) async fn switch(
        &self,
        scope: SwitchScope,
        off: bool,
        reason: Option<&str>,
    ) -> Result<SwitchedView, Failure> {
        let changed = self.opened.switch(&self.who, scope.clone(), off, reason).await;
        let changed = changed.map_err(Failure::because)?;
        Ok(SwitchedView { scope: scope.to_string(), off, changed })
    }

    pub(super) async fn close(self) {
        self.opened.close().await;
    }
}

fn no_run() -> Failure {
    Failure::because("there is no such run, or you may not see it")
}

/// How many more there may be.
fn left(limit: u32, found: usize) -> u32 {
    limit.saturating_sub(u32::try_from(found).unwrap_or(u32::MAX))
}
