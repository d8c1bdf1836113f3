//! Looking at runs. They are seen by who called, and by who could roll them back or say what became of them.

use super::gate::Gate;
use crate::identity::{Authenticated, Principal};
use crate::policy::{Act, same_tenant};
use crate::store::{RunFilter, RunId, RunRecord, RunState, StoreError};

impl Gate {
    /// The runs that `who` may see, newest first.
    pub(crate) async fn runs_for(
        &self,
        who: &Authenticated,
        state: Option<RunState>,
        tool: Option<String>,
        limit: u32,
    ) -> Result<Vec<RunRecord>, StoreError> {
        let filter = RunFilter { tenant: Some(who.principal().tenant.clone()), state, tool };
        let mut found = self.store.runs(filter, limit).await?;
        found.retain(|run| self.shows_run(who.principal(), run));
        Ok(found)
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
                || [Act::Rollback, Act::Resolve]
                    .iter()
                    .any(|act| self.policy.could_permit(who, *act, &run.tool)))
    }
}
