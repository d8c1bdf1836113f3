//! Requests, runs and switches as programs get them: from the decision API, and from the command line as JSON. Times are
//! RFC 3339 in UTC.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::approval::{Approval, ApprovalId, CastVote, Party, State, StateKind, Verdict};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::identity::Method;
use crate::pipeline::DecideRefused;
use crate::store::{ListedRun, RunId, RunRecord, RunState, Switch};
use crate::tool::Output;

/// A request for approval. The exact arguments are not in it: what is sensitive shows as a mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RequestView {
    pub(crate) id: ApprovalId,
    pub(crate) state: StateKind,
    /// What a decision has to name: the digest of the effect.
    pub(crate) digest: Digest,
    pub(crate) tool: String,
    pub(crate) risk: String,
    pub(crate) contract: Digest,
    pub(crate) requester: Party,
    pub(crate) resource: Value,
    pub(crate) arguments: Value,
    pub(crate) preview: Option<Value>,
    pub(crate) by: String,
    pub(crate) asked_by: String,
    pub(crate) quorum: u32,
    pub(crate) approvals: usize,
    pub(crate) votes: Vec<VoteView>,
    pub(crate) created_at: String,
    pub(crate) expires_at: String,
    /// What the state adds to its name.
    pub(crate) detail: Option<String>,
}

/// A vote that was counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct VoteView {
    pub(crate) person: String,
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<String>,
    pub(crate) client: String,
    pub(crate) identity: Method,
    pub(crate) at: String,
}

impl From<&Approval> for RequestView {
    fn from(approval: &Approval) -> Self {
        Self {
            id: approval.id,
            state: approval.state.kind(),
            digest: approval.effect,
            tool: approval.tool.clone(),
            risk: approval.risk.clone(),
            contract: approval.contract,
            requester: approval.requester.clone(),
            resource: approval.resource.clone(),
            arguments: approval.arguments.clone(),
            preview: approval.preview.clone(),
            by: approval.by.clone(),
            asked_by: approval.asked_by.clone(),
            quorum: approval.quorum.max(1),
            approvals: approval.approvals(),
            votes: approval.votes.iter().map(VoteView::from).collect(),
            created_at: approval.created.to_rfc3339(),
            expires_at: approval.expires.to_rfc3339(),
            detail: detail(&approval.state),
        }
    }
}

impl From<&CastVote> for VoteView {
    fn from(vote: &CastVote) -> Self {
        Self {
            person: vote.person.clone(),
            verdict: vote.verdict,
            reason: vote.reason.clone(),
            client: vote.client.clone(),
            identity: vote.method,
            at: vote.at.to_rfc3339(),
        }
    }
}

/// What the state adds to its name.
fn detail(state: &State) -> Option<String> {
    match state {
        State::Denied { person, reason: Some(reason), .. } => {
            Some(format!("by {person}: {reason}"))
        }
        State::Denied { person, .. } => Some(format!("by {person}")),
        State::Failed { error, .. } => Some(error.clone()),
        State::InDoubt { why, .. } | State::Void { why, .. } => Some(why.clone()),
        _ => None,
    }
}

/// What became of the requests that stood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct VoidedView {
    pub(crate) voided: Vec<RequestView>,
    pub(crate) left: Vec<LeftView>,
}

/// A request that still stands, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeftView {
    pub(crate) id: ApprovalId,
    pub(crate) why: String,
}

impl From<&(ApprovalId, DecideRefused)> for LeftView {
    fn from((id, why): &(ApprovalId, DecideRefused)) -> Self {
        Self { id: *id, why: why.to_string() }
    }
}

/// A run. What is kept for a rollback holds the very arguments, so it is not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunView {
    pub(crate) id: RunId,
    pub(crate) state: RunState,
    pub(crate) tool: String,
    pub(crate) caller: Party,
    pub(crate) request_id: String,
    pub(crate) mutating: bool,
    pub(crate) approval: Option<ApprovalId>,
    pub(crate) started_at: String,
    pub(crate) finished_at: Option<String>,
    pub(crate) lease_until: String,
    /// Whether it told how it ended after it had been put in doubt.
    pub(crate) late: bool,
    pub(crate) error: Option<String>,
    pub(crate) rollback: Option<RollbackView>,
    pub(crate) compensates: Option<RunId>,
}

/// A part of the list of runs.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunsView {
    pub(crate) runs: Vec<RunView>,
    /// Those between them whose rows can not be read.
    #[serde(default)]
    pub(crate) unreadable: Vec<UnreadableView>,
    /// Where the next page begins, while there may be one.
    #[serde(default)]
    pub(crate) next: Option<String>,
}

/// A run of which little is known, since its row can not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UnreadableView {
    pub(crate) id: RunId,
    pub(crate) state: RunState,
    pub(crate) tool: String,
    pub(crate) started_at: String,
}

impl RunsView {
    /// Adds what was listed.
    pub(crate) fn extend(&mut self, lines: Vec<ListedRun>) {
        for line in lines {
            match line {
                ListedRun::Run(run) => self.runs.push(RunView::from(&run)),
                ListedRun::Unreadable(run) => self.unreadable.push(UnreadableView {
                    id: run.run_id,
                    state: run.state,
                    tool: run.tool,
                    started_at: run.started.to_rfc3339(),
                }),
            }
        }
    }
}

/// Until when a run can be taken back, or what took it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RollbackView {
    pub(crate) until: String,
    pub(crate) taken_by: Option<RunId>,
}

impl From<&RunRecord> for RunView {
    fn from(run: &RunRecord) -> Self {
        let rollback = run.rollback.as_ref().map(|state| RollbackView {
            until: state.until.to_rfc3339(),
            taken_by: state.taken_by,
        });
        Self {
            id: run.run_id,
            state: run.state,
            tool: run.tool.clone(),
            caller: run.caller.clone(),
            request_id: run.request_id.clone(),
            mutating: run.mutating,
            approval: run.approval,
            started_at: run.started.to_rfc3339(),
            finished_at: run.finished.map(Timestamp::to_rfc3339),
            lease_until: run.lease_until.to_rfc3339(),
            late: run.late,
            error: run.error.clone(),
            rollback,
            compensates: run.compensates,
        }
    }
}

/// A run that was taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RolledBackView {
    pub(crate) run: RunId,
    pub(crate) rolled_back: bool,
    pub(crate) request_id: String,
    pub(crate) output: Value,
}

impl RolledBackView {
    pub(crate) fn new(run: RunId, request_id: &str, output: &Output) -> Self {
        // What a tool returned is JSON already.
        let output = serde_json::to_value(output).unwrap_or_default();
        Self { run, rolled_back: true, request_id: request_id.to_owned(), output }
    }
}

/// Something that is off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SwitchView {
    pub(crate) scope: String,
    pub(crate) since: String,
    pub(crate) by: String,
    pub(crate) reason: Option<String>,
}

impl From<&Switch> for SwitchView {
    fn from(switch: &Switch) -> Self {
        Self {
            scope: switch.scope.to_string(),
            since: switch.since.to_rfc3339(),
            by: switch.by.clone(),
            reason: switch.reason.clone(),
        }
    }
}

/// How a switch stands now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SwitchedView {
    pub(crate) scope: String,
    pub(crate) off: bool,
    pub(crate) changed: bool,
}
