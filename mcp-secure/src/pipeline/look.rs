//! One request as somebody sees it who may have to decide: what there is to know, what they may do about it, and if they
//! may not decide, why. Looking changes nothing and is not recorded.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::authorise::Asked;
use super::decide::DecideRefused;
use super::gate::Gate;
use super::page::{Page, fill};
use super::reveal::masked_inputs;
use super::table::Served;
use crate::approval::{Approval, ApprovalId, Party, StateKind, Verdict, Vote, count};
use crate::clock::Timestamp;
use crate::identity::{Authenticated, Principal};
use crate::policy::{Act, Requester, Verdict as Ruled};
use crate::store::{ApprovalFilter, StoreError};

/// How long a look waits for the application to load what a request is about. Where that takes longer, the decision
/// itself finds out.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many requests one page of a search looks through. There are as many as a tenant ever made, and while one search goes
/// through them nobody else reads from an embedded store.
const SEARCHED: u32 = if cfg!(test) { 40 } else { 20_000 };

/// Where a page of requests begins: after this one.
pub(crate) type RequestAt = (Timestamp, ApprovalId);

/// A request in full.
pub(crate) struct Look {
    pub(crate) approval: Approval,
    /// The tool, where it is served still.
    pub(crate) tool: Option<Arc<Served>>,
    /// The store's time.
    pub(crate) now: Timestamp,
    /// Whether a decision of this person would count, as far as can be said without taking it.
    pub(crate) decide: Result<(), DecideRefused>,
    /// Whether this account asked for it.
    pub(crate) own: bool,
    /// Whether something of it is masked that policy could let this person see.
    pub(crate) reveals: bool,
}

impl Gate {
    /// A page of the requests that `who` may see, newest first: its own, and those of its tenant that it could decide. Of
    /// what is asked for, the tenant is not theirs to say. A search looks through [`SEARCHED`] requests for each page.
    pub(crate) async fn approvals_page(
        &self,
        who: &Authenticated,
        filter: ApprovalFilter,
        limit: u32,
    ) -> Result<Page<Approval, RequestAt>, StoreError> {
        let who = who.principal();
        let mut filter = ApprovalFilter { tenant: Some(who.tenant.clone()), ..filter };
        if filter.text.is_some() {
            filter.until = self.store.nth(&who.tenant, filter.after, SEARCHED).await?;
        }
        let read =
            |after, want| self.store.approvals(ApprovalFilter { after, ..filter.clone() }, want);
        let at = |approval: &Approval| (approval.created, approval.id);
        let shows = |approval: &Approval| self.shows(who, approval);
        let (items, next) = fill(limit, filter.after, read, at, shows).await?;
        let items = items.into_iter().map(|approval| self.as_shown(approval)).collect();
        // Where a search has looked through its part and found no more, the next one begins behind that.
        let next = next.or(filter.until);
        Ok(Page { items, next, now: self.store.now().await? })
    }

    /// The request called `id` as `who` sees it, if `who` may see it.
    pub(crate) async fn look(
        &self,
        who: &Authenticated,
        id: &ApprovalId,
    ) -> Result<Look, DecideRefused> {
        let approval = self.seen_by(who, id).await?;
        let now = self.store.now().await.map_err(|_| DecideRefused::Unavailable)?;
        let tool = self.table.tool(&approval.tool).map(Arc::clone);
        let decide = self.would_count(who.principal(), tool.as_deref(), &approval, now).await;
        let asked = &approval.requester;
        let own = asked.issuer == who.issuer && asked.subject == who.subject;
        let reveals =
            !masked_inputs(&approval).is_empty() && self.could(who, Act::Reveal, &approval.tool);
        Ok(Look { approval: self.as_shown(approval), tool, now, decide, own, reveals })
    }

    async fn would_count(
        &self,
        who: &Principal,
        tool: Option<&Served>,
        approval: &Approval,
        now: Timestamp,
    ) -> Result<(), DecideRefused> {
        let voter = Party::from(who);
        let vote = Vote { voter, verdict: Verdict::Approve, reason: None, policy: None };
        count(approval, &approval.effect, &vote, now)?;
        let tool = tool.filter(|tool| tool.contract == approval.contract);
        let tool = tool.ok_or(DecideRefused::Changed)?;
        let ruling = self.ruled(who, Act::Decide, tool, approval);
        let Ok(ruled) = tokio::time::timeout(PATIENCE, ruling).await else { return Ok(()) };
        if ruled?.is_permit() {
            return Ok(());
        }
        Err(DecideRefused::NotPermitted(approval.by.clone()))
    }

    /// What the policies say of `who` doing this about a request, on what it is about as that is now.
    pub(super) async fn ruled(
        &self,
        who: &Principal,
        act: Act,
        tool: &Served,
        approval: &Approval,
    ) -> Result<Ruled, DecideRefused> {
        let requester = Requester::from(&Principal::from(&approval.requester));
        let none = Map::new();
        let arguments = approval.exact.as_object().unwrap_or(&none);
        let resources = self.resources_of(who, tool, arguments).await?;
        Ok(self.judge(
            tool,
            &Asked {
                principal: who,
                act,
                arguments,
                resources: &resources,
                requester: Some(&requester),
            },
        ))
    }

    /// Whether policy could let `who` do this with some call of the tool.
    pub(crate) fn could(&self, who: &Authenticated, act: Act, tool: &str) -> bool {
        self.policy.could_permit(who.principal(), act, tool)
    }

    /// The tools whose requests `who` could decide on.
    pub(crate) fn decidable(&self, who: &Authenticated) -> Vec<Arc<Served>> {
        let mut found: Vec<_> = self
            .table
            .iter()
            .filter(|tool| self.could(who, Act::Decide, tool.spec.name))
            .map(Arc::clone)
            .collect();
        found.sort_by_key(|tool| tool.spec.name);
        found
    }
}

impl Look {
    /// What stands of the request now.
    pub(crate) const fn state(&self) -> StateKind {
        self.approval.state.kind()
    }

    /// What of the tool's schema describes one argument.
    pub(crate) fn described(&self, argument: &str) -> Option<&Value> {
        self.tool.as_ref()?.input_schema.get("properties")?.get(argument)
    }
}
