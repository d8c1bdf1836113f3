//! Stages 1 and 5: how often, and how many at once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::gate::{Account, Gate};
use super::record::Trail;
use super::refusal::{Code, Refusal};
use super::table::Served;
use crate::canon::Digest;
use crate::identity::{Authenticated, Principal};
use crate::limit::{Crowd, Exhausted, Place};
use crate::store::Rate;
use crate::tool::spec::{RateLimitSpec, RateScope};

impl Gate {
    /// Stage 1: no account keeps the server busy for everybody. `Err` where the account has used up its quota.
    pub(super) fn within_quota(&self, principal: &Principal) -> Result<(), Refusal> {
        let Some(quota) = &self.quota else { return Ok(()) };
        let account = account(principal);
        quota.take(&account).map_err(|wait| {
            limited("this account makes too many calls", wait)
                .remedy("call again later, and less often")
        })
    }

    /// Whether the account may ask for a list: looking through the tools costs what a call does.
    pub(crate) fn may_list(&self, caller: &Authenticated) -> Result<(), (Arc<str>, Box<Refusal>)> {
        let Err(refusal) = self.within_quota(caller.principal()) else { return Ok(()) };
        let trail = Trail::of(self, caller);
        let request_id = trail.request_id();
        drop(self.refuse_counted(trail, refusal.clone()));
        Err((request_id, Box::new(refusal)))
    }

    /// The tool's own limits, all of which have to hold. What one of them refuses uses nothing of another up.
    pub(super) async fn limit(&self, tool: &Served, principal: &Principal) -> Result<(), Refusal> {
        let rules = tool.spec.rate_limits;
        if rules.is_empty() {
            return Ok(());
        }
        let buckets = rules
            .iter()
            .enumerate()
            .map(|(nth, rule)| Ok((bucket(tool, nth, *rule, principal)?, rate(*rule))))
            .collect::<Result<Vec<_>, Refusal>>()?;
        self.leases.take(&buckets).await.map_err(|why| match why {
            Exhausted::Until(nth, ms) => {
                let said =
                    rules.get(nth).map_or("a limit of this tool is reached", |rule| said(*rule));
                limited(said, Duration::from_millis(ms))
                    .remedy("wait as long as `retry_after_ms` says, then call again")
            }
            // A limit that can not be looked up lets nothing through.
            Exhausted::Unknown(error) => super::approve::unavailable(&error),
        })
    }

    /// Stage 5: a slot that is held until the call has ended.
    pub(super) fn slot(tool: &Served, principal: &Principal) -> Result<Slot, Refusal> {
        tool.slots.take(account(principal)).map_err(|full| {
            limited(full, Duration::from_secs(1)).remedy("call again a little later")
        })
    }
}

/// How many calls of one tool run at once: of all accounts together, and of each.
#[derive(Debug)]
pub(super) struct Slots {
    all: Arc<Semaphore>,
    /// How many one account may hold, where there are some to share.
    each: Option<u32>,
    held: Crowd<Account>,
}

/// One of them. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _of_all: OwnedSemaphorePermit,
    _of_account: Option<Place<Account>>,
}

impl Slots {
    /// Half of them at most are one account's, so that nobody keeps a tool to themselves by calls that hang.
    pub(super) fn new(most: u32) -> Self {
        let all = Arc::new(Semaphore::new(usize::try_from(most.max(1)).unwrap_or(1)));
        let each = (most > 1).then_some(most / 2);
        Self { all, each, held: Crowd::default() }
    }

    fn take(&self, account: Account) -> Result<Slot, &'static str> {
        let of_account = match self.each {
            Some(each) => Some(
                self.held
                    .enter(account, each)
                    .ok_or("too many calls of yours to this tool run at once")?,
            ),
            None => None,
        };
        let of_all = Arc::clone(&self.all).try_acquire_owned();
        let of_all = of_all.map_err(|_| "too many calls of this tool run at once")?;
        Ok(Slot { _of_all: of_all, _of_account: of_account })
    }
}

/// Whose quota it is: the subject of one issuer, in each tenant anew.
pub(crate) fn account(principal: &Principal) -> Account {
    (principal.tenant.clone(), principal.issuer.clone(), principal.subject.clone())
}

fn limited(reason: &str, wait: Duration) -> Refusal {
    Refusal::new(Code::RateLimited, reason).retry_after(wait)
}

const fn said(rule: RateLimitSpec) -> &'static str {
    match rule.scope {
        RateScope::User => "you have called this tool as often as it allows one account",
        RateScope::Tenant => "your organisation has called this tool as often as it allows",
        RateScope::Tool => "this tool has been called as often as it allows",
    }
}

fn rate(rule: RateLimitSpec) -> Rate {
    let period_us = u64::from(rule.period_secs).saturating_mul(1_000_000);
    Rate { burst: rule.count, every_us: (period_us / u64::from(rule.count.max(1))).max(1) }
}

fn bucket(
    tool: &Served,
    nth: usize,
    rule: RateLimitSpec,
    principal: &Principal,
) -> Result<Digest, Refusal> {
    let whose = match rule.scope {
        RateScope::User => json!([principal.tenant, principal.issuer, principal.subject]),
        RateScope::Tenant => json!([principal.tenant]),
        RateScope::Tool => json!([]),
    };
    // The rule is part of it: a changed rate starts anew rather than in the middle of another.
    let of = json!({
        "tool": tool.spec.name, "nth": nth, "count": rule.count, "period": rule.period_secs, "whose": whose,
    });
    Digest::of_value(&of)
        .map_err(|cause| Refusal::new(Code::RateLimited, "the limit has no bucket").internal(cause))
}
