//! Looking at runs. They are seen by who called, and by who could roll them back or say what became of them.

use super::gate::Gate;
use super::page::{Page, fill};
use crate::clock::Timestamp;
use crate::identity::{Authenticated, Principal};
use crate::policy::{Act, same_tenant};
use crate::store::{ListedRun, RunFilter, RunId, RunRecord, StoreError};

/// Where a page of runs begins: after this one.
pub(crate) type RunAt = (Timestamp, RunId);

impl Gate {
    /// A page of the runs that `who` may see, newest first. Of what is asked for, the tenant is not theirs to say.
    pub(crate) async fn runs_page(
        &self,
        who: &Authenticated,
        filter: RunFilter,
        limit: u32,
    ) -> Result<Page<ListedRun, RunAt>, StoreError> {
        let who = who.principal();
        let filter = RunFilter { tenant: Some(who.tenant.clone()), ..filter };
        let read = |after, want| self.store.runs(RunFilter { after, ..filter.clone() }, want);
        let shows = |line: &ListedRun| match line {
            ListedRun::Run(run) => self.shows_run(who, run),
            // Who called can not be read, so only who could do something about any run of the tool sees that it is there.
            ListedRun::Unreadable(run) => self.minds(who, &run.tool),
        };
        let (items, next) = fill(limit, filter.after, read, ListedRun::at, shows).await?;
        Ok(Page { items, next, now: self.store.now().await? })
    }

    /// The run called `id`, if `who` may see it. Another tenant's is not there.
    pub(crate) async fn run_for(
        &self,
        who: &Authenticated,
        id: &RunId,
    ) -> Result<Option<RunRecord>, StoreError> {
        let found = self.store.run(id).await?;
        Ok(found.filter(|run| self.shows_run(who.principal(), run)))
    }

    fn shows_run(&self, who: &Principal, run: &RunRecord) -> bool {
        let caller = &run.caller;
        same_tenant(&caller.tenant, &who.tenant)
            && ((caller.issuer == who.issuer && caller.subject == who.subject)
                || self.minds(who, &run.tool))
    }

    /// Whether `who` could do something about the runs of a tool.
    fn minds(&self, who: &Principal, tool: &str) -> bool {
        let could = |act: &Act| self.policy.could_permit(who, *act, tool);
        [Act::Rollback, Act::Resolve].iter().any(could)
    }
}
