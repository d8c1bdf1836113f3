//! Taking back what a run did. It is a run of its own, with the stages of any other, under its own permission.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::approve::unavailable as store_unavailable;
use super::authorise::{Asked, denied, loaded, policy_note, references, unavailable};
use super::call::Answer;
use super::commit::{Purpose, Ready};
use super::gate::Gate;
use super::record::Trail;
use super::refusal::{Code, Refusal};
use super::table::Served;
use crate::approval::Effect;
use crate::context::CallContext;
use crate::identity::{Authenticated, Principal};
use crate::policy::{Act, Requester, Unavailable};
use crate::store::{NewRollback, RollbackRefused, RunId, RunRecord, RunState};
use crate::tool::{Caller, Enter, Output, ToolError};

/// How long a run can be taken back where the declaration sets no time: a hundred years, in milliseconds.
const NO_DEADLINE_MS: u64 = 100 * 365 * 24 * 3600 * 1000;

/// What a run leaves for whoever may have to take it back.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// What it was called with: the permission to take it back is checked on the same resource, as it is then.
    arguments: Map<String, Value>,
    /// What it returned, which the compensating function gets.
    output: Output,
    /// The compensating function the tool had then, by its path.
    by: String,
}

/// What a run that ended well offers.
pub(super) fn offered(
    tool: &Served,
    arguments: Map<String, Value>,
    output: &Output,
) -> Option<NewRollback> {
    let rule = tool.spec.rollback?;
    let kept =
        serde_json::to_value(Kept { arguments, output: output.clone(), by: rule.path.to_owned() });
    let kept = kept.inspect_err(|error| {
        tracing::error!(%error, tool = tool.spec.name, "a run can not be taken back: its output can not be kept");
    });
    let within_ms = rule.within_secs.map_or(NO_DEADLINE_MS, |secs| secs.saturating_mul(1000));
    Some(NewRollback { output: kept.ok()?, within_ms })
}

impl Gate {
    /// Takes back what the run called `id` did, as `who`, if policy lets them, in time, once.
    pub(crate) async fn rollback(
        self: &Arc<Self>,
        who: &Authenticated,
        id: &RunId,
        reason: Option<String>,
    ) -> Answer {
        let mut trail = Trail::of(self, who);
        trail.detail("compensates", id.to_string().into());
        if let Some(reason) = reason {
            trail.detail("reason", cut(&reason).into());
        }
        let run = match self.run_for(who, id).await {
            Ok(Some(run)) => run,
            Ok(None) => return self.not_there(trail, "unknown_run", None),
            Err(error) => return self.refuse(trail, store_unavailable(&error)),
        };
        let Some(tool) = self.table.tool(&run.tool).map(Arc::clone) else {
            let gone = "the tool of this run is not served any more";
            return self.refuse(trail, Refusal::new(Code::NotRolledBack, gone));
        };
        trail.found(&tool);
        if let Err(refusal) = self.within_quota(who.principal()) {
            return self.refuse_counted(trail, refusal);
        }
        let gates = async {
            let ready = self.may_undo(who, &tool, run, &mut trail).await?;
            self.switched_on(&tool, &who.shared())?;
            Ok((ready, Self::slot(&tool, who.principal())?))
        };
        // Reading what was kept runs the application's code too.
        let passed = AssertUnwindSafe(gates).catch_unwind().await;
        match passed.unwrap_or_else(|_| Err(Refusal::broken())) {
            Ok((ready, slot)) => self.mutate(&tool, ready, slot, trail).await,
            Err(refusal) => self.refuse(trail, refusal),
        }
    }

    async fn may_undo(
        &self,
        who: &Authenticated,
        tool: &Served,
        run: RunRecord,
        trail: &mut Trail,
    ) -> Result<Ready, Refusal> {
        let now = self.store.now().await.map_err(|error| store_unavailable(&error))?;
        // The store looks again when it commits; this is for the words, and for asking nobody in vain.
        let kept = match run.rollback {
            _ if run.state != RunState::Done => return Err(not_undone(RollbackRefused::NotDone)),
            None => return Err(not_undone(RollbackRefused::NotOffered)),
            Some(state) if state.taken_by.is_some() => {
                return Err(not_undone(RollbackRefused::Taken));
            }
            Some(state) if state.until <= now => return Err(not_undone(RollbackRefused::Expired)),
            Some(state) => state.output,
        };
        let unread = |cause: &dyn std::fmt::Display| {
            Refusal::new(
                Code::NotRolledBack,
                "the tool has changed since this run, so it can not be taken back",
            )
            .internal(cause)
        };
        let Kept { arguments, output, by } =
            serde_json::from_value(kept).map_err(|error| unread(&error))?;
        trail.hides(tool, &arguments);
        // Another function may take another unit, or undo something else, of an output that it can read all the same.
        if tool.spec.rollback.is_none_or(|rule| rule.path != by) {
            return Err(unread(&format_args!("it was to be taken back by `{by}`")));
        }
        let prepared = tool
            .bound
            .prepare(&arguments)
            .map_err(|_| unread(&"the arguments could not be read"))?;
        let cancelled = CancellationToken::new();
        let caller = Caller {
            principal: who.shared(),
            context: CallContext::new(trail.request_id(), cancelled.clone(), None),
        };
        let resources =
            loaded(tool, &caller, &*prepared).await.map_err(|Unavailable| unavailable())?;
        let resource = references(&resources, trail);
        let asked = Asked {
            principal: &caller.principal,
            act: Act::Rollback,
            arguments: &arguments,
            resources: &resources,
            requester: Some(&Requester::from(&Principal::from(&run.caller))),
        };
        let verdict = self.judge(tool, &asked);
        trail.policy(policy_note(&verdict));
        if !verdict.is_permit() {
            return Err(denied(tool.rollback_permission.as_deref(), &verdict));
        }
        let effect = Effect {
            issuer: &caller.principal.issuer,
            tenant: &caller.principal.tenant,
            subject: &caller.principal.subject,
            tool: tool.spec.name,
            contract: &tool.contract,
            resource: &resource,
            arguments: &json!({"compensates": run.run_id.to_string()}),
        }
        .digest()
        .map_err(|error| unread(&error))?;
        let body = undoing(tool, output).map_err(|error| {
            unread(&error.internal_text().unwrap_or("the output could not be read"))
        })?;
        let purpose = Purpose::Rollback { of: run.run_id };
        Ok(Ready { caller, cancelled, body, effect, approval: None, key: None, purpose })
    }
}

/// The compensating function with what the run returned.
fn undoing(tool: &Served, output: Output) -> Result<Enter, ToolError> {
    let text = output.first_text();
    let enter = match output.structured {
        Some(value) => tool.bound.undo(value),
        // An output without structure is nothing at all, or one text.
        None => match (tool.bound.undo(Value::Null), text) {
            (Some(Err(_)), Some(text)) => tool.bound.undo(text.into()),
            (enter, _) => enter,
        },
    };
    enter.unwrap_or_else(|| Err(ToolError::internal("the tool has no rollback any more")))
}

/// A run that can not be taken back.
pub(super) fn not_undone(why: RollbackRefused) -> Refusal {
    let remedy = match why {
        RollbackRefused::NotDone => {
            "find out how the run ended; one in doubt has to be resolved first"
        }
        RollbackRefused::Taken => "look at the run that took it back",
        RollbackRefused::NotFound | RollbackRefused::NotOffered | RollbackRefused::Expired => {
            "what it did has to be put right in another way"
        }
    };
    Refusal::new(Code::NotRolledBack, why.to_string()).remedy(remedy)
}

/// What a person says of why, short enough for a record.
pub(super) fn cut(reason: &str) -> String {
    reason.chars().take(1000).collect()
}
