//! What a client that waits for a task is told (MCP extension `io.modelcontextprotocol/tasks`).
//!
//! The request for approval is the task: its id is the task's id, its state the task's status, and there is no table of
//! tasks beside it. So a task outlives every process, is decided where requests are decided and nowhere else, and is its
//! requester's alone, in the client that asked.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::approve::unavailable;
use super::authorise::is_policys;
use super::call::{Answer, Channel, Incoming, META_PREFIX, Resumes, Target, Transport};
use super::decide::DecideRefused;
use super::gate::Gate;
use super::idempotency::CLIENT_KEY;
use super::record::Trail;
use super::refusal::{Code, Refusal};
use super::resume::{DONE_BEFORE, KEY_TAKEN, POLICY_SAYS_NO, carried_out};
use super::tries::{Ongoing, Turn};
use crate::approval::{ANSWER_REPEATS_MS, Approval, ApprovalId, Party, State, StateKind};
use crate::audit::Executed;
use crate::clock::Timestamp;
use crate::identity::Authenticated;
use crate::tool::BoxFuture;

/// How long a look at a task waits for the end of the run it began or met.
const END_WITHIN: Duration = Duration::from_secs(1);
/// How long a look at a task leaves one that could not be run, at most.
const AGAIN_FOR_ASKER: Duration = Duration::from_secs(5);
/// How long a server that has another version of a tool leaves alone what was approved for the one it replaces, from when
/// it began to serve and from the approval: while releases overlap, a server of the other one goes on with it.
const REPLACED_WITHIN_MS: i64 = 15 * 60 * 1000;
/// The changed contract of a task whose requester looks at it.
const CHANGED: &str = "the tool has changed since this was approved";
/// The same while servers of both versions may be there.
const ANOTHER_VERSION: &str = "NOT EXECUTED: approved for another version of this tool than this server has, and left to a \
                               server that has that one";
/// A call that is not the approved one any more, though its tool is.
const CALL_CHANGED: &str = "what would run is no longer what people approved";
/// A tool that its requester does not see any more.
const UNLISTED: &str = "there is no such tool for whoever asked any more";

/// Somebody asks about a task.
#[derive(Debug)]
pub(crate) struct TaskAsked {
    pub(crate) caller: Authenticated,
    pub(crate) id: String,
    pub(crate) transport: Transport,
    pub(crate) client_info: Option<String>,
    pub(crate) trace: Option<String>,
}

/// A task as its requester sees it.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) id: ApprovalId,
    pub(crate) created: Timestamp,
    pub(crate) changed: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) stage: Stage,
}

/// How far a task is.
#[derive(Debug)]
pub(crate) enum Stage {
    /// People have not decided, or what they approved runs, or is about to.
    Waits(String),
    /// Its requester took it back.
    TakenBack,
    /// It is over, and this is the answer that the same call made again would get.
    Over(Answer),
}

/// Why nothing is said about a task.
#[derive(Debug)]
pub(crate) enum NoTask {
    /// There is no such task for this caller. The same answer whether it is another's or none at all.
    Unknown,
    /// Not now.
    Refused(Arc<str>, Box<Refusal>),
}

/// How long after its creation a task can be asked about: as long as people have, and then as long as an answer repeats.
pub(crate) fn kept_for_ms(created: Timestamp, expires: Timestamp) -> u64 {
    let open = expires.millis().saturating_sub(created.millis());
    u64::try_from(open.saturating_add(ANSWER_REPEATS_MS)).unwrap_or_default()
}

impl Gate {
    /// The task called `asked.id`, as it stands. One that people have approved is run, as whoever asks, through the whole
    /// pipeline.
    pub(crate) async fn task(self: &Arc<Self>, asked: TaskAsked) -> Result<Task, NoTask> {
        let mut found = self.own_request(&asked).await?;
        if let State::Approved { .. } = found.state {
            found = self.gone_on_with(&asked, found).await?;
        }
        let stage = match &found.state {
            State::Pending => Stage::Waits(match self.decide_url(&found.id) {
                Some(url) => format!("NOT EXECUTED: waits for a person to decide, at {url}"),
                None => "NOT EXECUTED: waits for a person to decide".to_owned(),
            }),
            State::Approved { .. } if !self.is_as_approved(&found) => {
                Stage::Waits(ANOTHER_VERSION.to_owned())
            }
            State::Approved { .. } => Stage::Waits(match self.tasks.why_not(&found.id) {
                Some(why) => format!("NOT EXECUTED: approved, and could not be run yet ({why})"),
                None => "NOT EXECUTED: approved, and about to run".to_owned(),
            }),
            State::Running { .. } => Stage::Waits("approved, and running".to_owned()),
            State::Withdrawn { .. } => Stage::TakenBack,
            State::Done { .. } => Stage::Over(self.answer_of(&asked, &found).await?),
            _ => {
                let told = self.told(&found).await;
                let refusal = told.map_err(|refusal| self.not_now(&asked, refusal))?;
                let mut trail = Trail::about_task(self, &asked);
                trail.approval(&found);
                Stage::Over(self.refuse(trail, refusal))
            }
        };
        Ok(Task {
            id: found.id,
            created: found.created,
            changed: changed_at(&found),
            expires: found.expires,
            stage,
        })
    }

    /// Takes the request of a task back, where nothing runs yet. What runs is not stopped half-way.
    pub(crate) async fn cancel_task(&self, asked: TaskAsked) -> Result<(), NoTask> {
        let found = self.own_request(&asked).await?;
        match self.withdraw(&asked.caller, &found.id).await {
            Ok(_) => Ok(()),
            Err(DecideRefused::NotFound) => Err(NoTask::Unknown),
            Err(error) => {
                let refusal = Refusal::new(Code::AuditUnavailable, error.to_string())
                    .remedy("try again later; an operator has to look at the server's data folder");
                Err(self.not_now(&asked, refusal))
            }
        }
    }

    /// Makes sure that the task is there. A task of ours asks its client nothing, so there is nothing to hand in; whatever a
    /// client sends decides nothing.
    pub(crate) async fn update_task(&self, asked: TaskAsked) -> Result<(), NoTask> {
        self.own_request(&asked).await.map(drop)
    }

    /// The request behind a task, for the account and the client that asked for it.
    async fn own_request(&self, asked: &TaskAsked) -> Result<Approval, NoTask> {
        if let Err(refusal) = self.within_quota(asked.caller.principal()) {
            let trail = Trail::about_task(self, asked);
            let request_id = trail.request_id();
            drop(self.refuse_counted(trail, refusal.clone()));
            return Err(NoTask::Refused(request_id, Box::new(refusal)));
        }
        let found = match asked.id.parse::<ApprovalId>() {
            Ok(id) => self.store.approval(&id).await,
            Err(_) => Ok(None),
        };
        let found = found.map_err(|error| self.not_now(asked, unavailable(&error)))?;
        let own = Party::from(asked.caller.principal());
        found.filter(|found| found.is_held_by(&own)).ok_or_else(|| {
            // Whoever tries ids leaves a trace.
            drop(self.not_there(Trail::about_task(self, asked), "unknown_task", None));
            NoTask::Unknown
        })
    }

    fn not_now(&self, asked: &TaskAsked, refusal: Refusal) -> NoTask {
        let trail = Trail::about_task(self, asked);
        let request_id = trail.request_id();
        drop(self.refuse(trail, refusal.clone()));
        NoTask::Refused(request_id, Box::new(refusal))
    }

    /// Goes on with an approved request as whoever asks for it, and waits a little for the end. As it then stands.
    async fn gone_on_with(
        self: &Arc<Self>,
        asked: &TaskAsked,
        found: Approval,
    ) -> Result<Approval, NoTask> {
        let id = found.id;
        if !self.is_as_approved(&found) {
            if self.may_be_replaced(&found) {
                return Ok(found);
            }
            // What people approved can not run any more, so nobody waits for it in vain.
            let voided = self.store.void_approval(&id, CHANGED).await;
            voided.map_err(|error| self.not_now(asked, unavailable(&error)))?;
        } else if let Some(mut ends) = self.go_on(&found, AGAIN_FOR_ASKER, Who::Asks(asked)) {
            drop(tokio::time::timeout(END_WITHIN, ends.changed()).await);
        }
        match self.store.approval(&id).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(NoTask::Unknown),
            Err(error) => Err(self.not_now(asked, unavailable(&error))),
        }
    }

    /// Whether the tool is still the one that people approved.
    pub(super) fn is_as_approved(&self, found: &Approval) -> bool {
        self.table.tool(&found.tool).is_some_and(|tool| tool.contract == found.contract)
    }

    /// Whether servers with the version of the tool that people approved may still be there. While releases overlap, what
    /// one of them runs is not for the other to make useless.
    fn may_be_replaced(&self, found: &Approval) -> bool {
        let since = self.opened.max(changed_at(found));
        self.clock.now() < since.plus_millis(REPLACED_WITHIN_MS)
    }

    /// Runs an approved request in a task of its own, unless this process does that already, or could not a moment ago. Who
    /// it runs as is found out there. The end of it is heard on what this returns.
    pub(super) fn go_on(
        self: &Arc<Self>,
        found: &Approval,
        again: Duration,
        who: Who<'_>,
    ) -> Option<watch::Receiver<()>> {
        let asks = matches!(who, Who::Asks(_));
        let (ongoing, ended) = match Ongoing::begin(self, found.id, again, asks) {
            Turn::Begins(ongoing, ended) => (ongoing, ended),
            Turn::IsOn(ends) => return Some(ends),
            Turn::Later => return None,
        };
        let calling = who.calling(found);
        self.running.spawn(async move {
            let why_not = match calling.await {
                Ok((incoming, slot)) => {
                    let answer = ongoing.gate.call(incoming).await;
                    drop(slot);
                    ongoing.gate.why_not_run(&ongoing.id, &answer, asks).await
                }
                Err(why) => Some(why),
            };
            ongoing.ends(why_not);
        });
        Some(ended)
    }

    /// Why a request that was gone on with did not run, where it may later on. One that whoever asked for it can not run any
    /// more is over, where they were there to hear it (`asks`): nobody waits for it in vain.
    async fn why_not_run(&self, id: &ApprovalId, answer: &Answer, asks: bool) -> Option<String> {
        let (why, over) = match answer {
            Answer::Done { .. } | Answer::Previewed { .. } => return None,
            // Where its own approval was used for that, the store leaves it as it is.
            Answer::Replayed { .. } => (DONE_BEFORE.to_owned(), Some(DONE_BEFORE)),
            Answer::Unknown => {
                ("there is no such tool for its requester".to_owned(), asks.then_some(UNLISTED))
            }
            Answer::Refused { refusal, .. } => {
                (format!("{}: {}", refusal.code.as_str(), refusal.reason), over(refusal, asks))
            }
        };
        if let Some(over) = over
            && let Err(error) = self.store.void_approval(id, over).await
        {
            tracing::warn!(%error, approval = %id, "an approval that can not be used still stands");
        }
        let found = self.store.approval(id).await.ok().flatten();
        found.is_some_and(|found| found.state.kind() == StateKind::Approved).then_some(why)
    }

    /// The answer of a request that was carried out, as its requester gets it today: through the whole pipeline, which runs
    /// nothing this time.
    async fn answer_of(
        self: &Arc<Self>,
        asked: &TaskAsked,
        found: &Approval,
    ) -> Result<Answer, NoTask> {
        let answer = Box::pin(self.call(as_asked(asked, found))).await;
        let (request_id, refusal) = match answer {
            Answer::Refused { request_id, refusal } => (request_id, refusal),
            Answer::Unknown => {
                let trail = Trail::about_task(self, asked);
                return Ok(self.refuse(trail, carried_out(UNSEEN).about(found)));
            }
            shown => return Ok(shown),
        };
        let refusal = match refusal.code {
            _ if refusal.executed == Executed::Yes => refusal,
            Code::PermissionDenied | Code::InvalidArguments | Code::ApprovalRequired => {
                Box::new(carried_out(UNSEEN).about(found))
            }
            _ => return Err(NoTask::Refused(request_id, refusal)),
        };
        Ok(Answer::Refused { request_id, refusal })
    }
}

/// Why an approved call that was refused so will not run later either, if it will not. Whoever vouches for a requester may
/// know better in a moment; the requester's own proof of who they are is as good as it gets.
fn over(refusal: &Refusal, asks: bool) -> Option<&'static str> {
    match refusal.code {
        _ if refusal.executed != Executed::No => None,
        // Somebody else holds the key, perhaps for ever.
        Code::IdempotencyConflict => Some(KEY_TAKEN),
        Code::PermissionDenied if asks && is_policys(refusal) => Some(POLICY_SAYS_NO),
        Code::InvalidArguments | Code::ApprovalRequired if asks => Some(CALL_CHANGED),
        _ => None,
    }
}

/// Of a call that was carried out, where whoever asked for it may not see that today.
const UNSEEN: &str =
    "this very call was carried out, and its answer can not be shown to you any more";

/// As whom an approved request is run.
pub(super) enum Who<'a> {
    /// As its requester, who asks for it.
    Asks(&'a TaskAsked),
    /// As its requester, whom somebody has to vouch for.
    Vouched(super::runner::Vouching),
}

/// How a call of a task comes to be made, and what it holds while it runs.
pub(super) type Calling =
    BoxFuture<'static, Result<(Incoming, Option<OwnedSemaphorePermit>), String>>;

impl Who<'_> {
    fn calling(self, found: &Approval) -> Calling {
        match self {
            Self::Asks(asked) => {
                let incoming = as_asked(asked, found);
                Box::pin(std::future::ready(Ok((incoming, None))))
            }
            Self::Vouched(vouching) => vouching.calling(found),
        }
    }
}

fn as_asked(asked: &TaskAsked, found: &Approval) -> Incoming {
    Incoming {
        client_info: asked.client_info.clone(),
        trace: asked.trace.clone(),
        ..as_approved(asked.caller.clone(), asked.transport, found)
    }
}

/// The very call that people approved. Nobody who waits for it can give it up.
pub(super) fn as_approved(
    caller: Authenticated,
    transport: Transport,
    found: &Approval,
) -> Incoming {
    let key = found.client_key.as_ref();
    let own_meta: Map<_, _> = key
        .map(|key| (format!("{META_PREFIX}{CLIENT_KEY}"), key.as_str().into()))
        .into_iter()
        .collect();
    Incoming {
        caller,
        target: Target::Tool(found.tool.clone()),
        arguments: found.exact.as_object().cloned().unwrap_or_default(),
        own_meta,
        channel: Channel::Task,
        resumes: Some(Resumes::Request(found.id)),
        transport,
        client_info: None,
        trace: None,
        cancelled: CancellationToken::new(),
        progress: None,
    }
}

/// When the request last changed.
fn changed_at(found: &Approval) -> Timestamp {
    match &found.state {
        State::Pending => found.votes.last().map_or(found.created, |vote| vote.at),
        State::Approved { at }
        | State::Running { at, .. }
        | State::Done { at, .. }
        | State::Failed { at, .. }
        | State::InDoubt { at, .. }
        | State::Denied { at, .. }
        | State::Expired { at }
        | State::Withdrawn { at }
        | State::Void { at, .. } => *at,
    }
}

impl Gate {
    /// Waits until the request called `id` is no longer one that waits for people, or `until`.
    pub(crate) async fn until_decided(&self, id: ApprovalId, until: Duration) {
        let deciding = async {
            let mut decided = self.decided.subscribe();
            loop {
                match self.store.approval(&id).await {
                    Ok(Some(found)) if found.state.kind() == StateKind::Pending => {}
                    Ok(_) => return,
                    // Not known now; it is asked again.
                    Err(_) => {}
                }
                let heard = async { while decided.recv().await.is_ok_and(|other| other != id) {} };
                drop(tokio::time::timeout(Duration::from_secs(1), heard).await);
            }
        };
        drop(tokio::time::timeout(until, deciding).await);
    }
}
