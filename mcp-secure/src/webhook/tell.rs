//! Telling every target of the changes of one request: all targets at once, and each of one change after the other.

use super::deliver::Deliverer;
use super::desk::Desk;
use super::lane::Lane;
use super::message::Message;
use super::post::{Failed, Failure};
use super::progress::Progress;
use crate::approval::Approval;
use crate::audit::{ApprovalNote, Event, Executed, OutcomeNote, Record};
use crate::clock::Timestamp;
use crate::store::{Notice, NoticeEnd, StoreError};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::time::{Duration, Instant};

/// How long those who are told quickly wait for the others before what they have heard is written down.
const TOGETHER: Duration = Duration::from_millis(250);
/// How soon a notice is looked at again, and how late at most where it only waits for its turn.
const SOONEST: Duration = Duration::from_millis(200);
const LATEST: Duration = Duration::from_secs(60);

/// One notice while it is worked on.
struct Work {
    notice: Notice,
    message: Message,
    progress: Progress,
    /// What came before and is not over, whoever has it: a target hears of that first.
    before: Vec<Progress>,
    /// When it is looked at again; only ever sooner.
    again: Option<Duration>,
}

/// How telling one target of one change went.
enum Step {
    Told,
    Failed(Failed),
    /// It is not its turn.
    Later(Duration),
}

impl Deliverer {
    pub(super) async fn tell(&self, desk: &dyn Desk, group: Vec<Notice>) -> Result<(), StoreError> {
        let Some(first) = group.first() else { return Ok(()) };
        let id = first.approval;
        let Some(approval) = desk.store().approval(&id).await? else {
            tracing::error!(approval = %id, "a request that is to be announced is not there");
            return Ok(());
        };
        let open = desk.store().notices(&id).await?;
        let now = desk.store().now().await?;
        let Some(mut works) = works(desk, &approval, group, &open) else {
            tracing::error!(approval = %id, "a request can not be announced");
            return Ok(());
        };
        let begun = Instant::now();
        let done = self.tell_all(desk, &approval, &works, now).await;
        let now = now.plus_millis(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
        for (lane, steps) in done {
            for (work, step) in works.iter_mut().zip(steps) {
                self.take_down(desk, lane, work, step, now).await;
            }
        }
        for work in &works {
            settle(desk, work, self.is_left(&approval, work)).await?;
        }
        Ok(())
    }

    /// Tells all targets at once, and says how it went with each.
    async fn tell_all(
        &self,
        desk: &dyn Desk,
        approval: &Approval,
        works: &[Work],
        now: Timestamp,
    ) -> Vec<(&Lane, Vec<Step>)> {
        let lanes = self.lanes.iter().filter(|lane| lane.takes(&approval.requester.tenant));
        let mut chains: FuturesUnordered<_> = lanes
            .map(|lane| async move { (lane, self.chain(desk, lane, works, now).await) })
            .collect();
        let (mut done, mut noted) = (Vec::new(), 0);
        loop {
            match tokio::time::timeout(TOGETHER, chains.next()).await {
                Ok(Some(one)) => done.push(one),
                Ok(None) => return done,
                // Those who answered at once do not wait for one that hangs, here or at the next change.
                Err(_) if done.len() > noted => {
                    noted = done.len();
                    note_told(desk, works, &done, self.hold()).await;
                }
                Err(_) => {}
            }
        }
    }

    /// Tells one target of one change after the other, until one fails: the later ones wait for it.
    async fn chain(
        &self,
        desk: &dyn Desk,
        lane: &Lane,
        works: &[Work],
        now: Timestamp,
    ) -> Vec<Step> {
        let begun = Instant::now();
        let mut behind = false;
        let mut steps = Vec::new();
        for work in works {
            behind |= work.before.iter().any(|one| !one.is_over(&lane.name));
            let step = if work.progress.is_over(&lane.name) {
                Step::Told
            } else if behind {
                Step::Later(turn(work, now))
            } else if begun.elapsed() > self.timeout {
                // What is handed out is this process's for a time only.
                Step::Later(SOONEST)
            } else if let Some(wait) = work.progress.wait(&lane.name, now) {
                Step::Later(wait)
            } else {
                attempt(desk, lane, &work.message).await
            };
            behind |= !matches!(step, Step::Told);
            steps.push(step);
        }
        steps
    }

    /// Takes down how it went, and gives up where that is due.
    async fn take_down(
        &self,
        desk: &dyn Desk,
        lane: &Lane,
        work: &mut Work,
        step: Step,
        now: Timestamp,
    ) {
        let name = &lane.name;
        let failed = match step {
            _ if work.progress.is_over(name) => return,
            Step::Told => return work.progress.told(name),
            Step::Later(wait) => return work.look_again(wait),
            Step::Failed(failed) => failed,
        };
        let tries = work.progress.tries(name).saturating_add(1);
        if work.age(now) >= self.pace.give_up
            && recorded(desk, name, &work.notice, tries, failed.why).await
        {
            let (id, state) = (work.notice.approval.to_string(), work.notice.state.as_str());
            lane.gave_up(&id, state, tries, failed.why);
            return work.progress.given_up(name);
        }
        let pause = self.pace.pause(tries, failed.retry_after);
        let millis = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        work.progress.failed(name, tries, now.plus_millis(millis));
        work.look_again(pause);
    }

    /// Whether anybody is left to be told of it.
    fn is_left(&self, approval: &Approval, work: &Work) -> bool {
        let tenant = &approval.requester.tenant;
        self.lanes.iter().any(|lane| lane.takes(tenant) && !work.progress.is_over(&lane.name))
    }
}

impl Work {
    fn look_again(&mut self, wait: Duration) {
        self.again = Some(self.again.map_or(wait, |sooner| sooner.min(wait)));
    }

    /// How long ago the change was.
    fn age(&self, now: Timestamp) -> Duration {
        let age = now.millis().saturating_sub(self.notice.at.millis());
        Duration::from_millis(u64::try_from(age).unwrap_or(0))
    }
}

/// How soon to look whether it is the turn of a change that waits for an earlier one: soon at first, then less often.
fn turn(work: &Work, now: Timestamp) -> Duration {
    (work.age(now) / 8).clamp(SOONEST, LATEST)
}

async fn attempt(desk: &dyn Desk, lane: &Lane, message: &Message) -> Step {
    // Held until the answer is there.
    let _slot = match lane.enter() {
        Ok(slot) => slot,
        Err(wait) => return Step::Later(wait),
    };
    let now = desk.time();
    let sent = match message.headers(&lane.keys, now) {
        Some(headers) => lane.post.send(headers, message.body.clone(), now).await,
        None => Err(Failed { why: Failure::Broken, retry_after: None }),
    };
    match sent {
        Ok(()) => {
            lane.succeeded();
            Step::Told
        }
        Err(failed) => {
            lane.failed(&failed);
            Step::Failed(failed)
        }
    }
}

fn works(
    desk: &dyn Desk,
    approval: &Approval,
    group: Vec<Notice>,
    open: &[Notice],
) -> Option<Vec<Work>> {
    let ours: Vec<i64> = group.iter().map(|notice| notice.number).collect();
    let others: Vec<_> = open.iter().filter(|one| !ours.contains(&one.number)).collect();
    let work = |notice: Notice| {
        let url = desk.decide_url(&approval.id);
        let message = Message::new(desk.server(), approval, &notice, url).ok()?;
        let progress = Progress::read(&notice.progress);
        let before = others.iter().filter(|one| one.number < notice.number);
        let before = before.map(|one| Progress::read(&one.progress)).collect();
        Some(Work { notice, message, progress, before, again: None })
    };
    group.into_iter().map(work).collect()
}

/// Writes down who has been told so far, while others are still waited for. Where it fails some are told twice.
async fn note_told(desk: &dyn Desk, works: &[Work], done: &[(&Lane, Vec<Step>)], hold: u64) {
    for (nth, work) in works.iter().enumerate() {
        let mut progress = work.progress.clone();
        for (lane, steps) in done {
            if matches!(steps.get(nth), Some(Step::Told)) && !progress.is_over(&lane.name) {
                progress.told(&lane.name);
            }
        }
        if progress == work.progress {
            continue;
        }
        let end = NoticeEnd::Again { progress: progress.write(), in_ms: hold };
        if let Err(error) = desk.store().settle_notice(work.notice.number, end).await {
            tracing::warn!(%error, "who was told of a request could not be written down yet");
        }
    }
}

async fn settle(desk: &dyn Desk, work: &Work, left: bool) -> Result<(), StoreError> {
    let end = if left {
        let wait = work.again.unwrap_or(LATEST).max(SOONEST);
        let in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        NoticeEnd::Again { progress: work.progress.write(), in_ms }
    } else {
        NoticeEnd::Over
    };
    desk.store().settle_notice(work.notice.number, end).await
}

/// Puts on record that a target is never told of a change. Until that is done it is tried again.
async fn recorded(
    desk: &dyn Desk,
    target: &str,
    notice: &Notice,
    tries: u32,
    why: Failure,
) -> bool {
    let record = Record::new(Event::Announcement)
        .approval(ApprovalNote {
            id: notice.approval.to_string(),
            state: notice.state.as_str().to_owned(),
            deciders: Vec::new(),
        })
        .detail(serde_json::json!({"webhook": target, "tries": tries}))
        .outcome(OutcomeNote::new(Executed::No, "not_delivered").error(why.to_string()));
    match desk.audit().durable(record).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%error, "that a webhook is given up can not be recorded; it is tried again");
            false
        }
    }
}
