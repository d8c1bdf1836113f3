//! Taking notices from the store, for as long as the server is there.
//!
//! A notice that is handed out is this process's alone for a while. If the process dies, the notice comes due again and
//! another one takes it, with what the first had written down of it.

use super::Webhooks;
use super::check::Aim;
use super::desk::Desk;
use super::lane::{Lane, SLOTS};
use super::post::Post;
use super::progress::Pace;
use super::resolve::{Names, System};
use crate::catalog::StartFault;
use crate::pipeline::Gate;
use crate::store::{Notice, StoreError};
use crate::tls::{self, NoTls};
use rustls::{ClientConfig, RootCertStore};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many notices are taken at a time.
const BATCH: usize = 32;
/// Room for requests that wait for nobody, whatever the others wait for.
const SPARE: usize = 16;

/// Tells the targets, in every process that serves.
pub(crate) struct Deliverer {
    pub(super) lanes: Vec<Lane>,
    pub(super) pace: Pace,
    pub(super) timeout: Duration,
    groups: Arc<Semaphore>,
}

impl Deliverer {
    /// Checks the targets and makes the way to each. `None` where there are none.
    pub(crate) fn open(webhooks: &Webhooks) -> Result<Option<Self>, Vec<StartFault>> {
        if !webhooks.announces() {
            return Ok(None);
        }
        let names: Arc<dyn Names> = Arc::new(System);
        Self::through(webhooks, &names, tls::trusting_this_system()).map(Some)
    }

    /// The same with names and certificates of a test's own.
    pub(super) fn through(
        webhooks: &Webhooks,
        names: &Arc<dyn Names>,
        certificates: Result<ClientConfig, NoTls>,
    ) -> Result<Self, Vec<StartFault>> {
        let aims = webhooks.aims()?;
        let config = match certificates {
            // Where everything stays on this machine, none are needed.
            Err(NoTls::NoAuthority) if aims.iter().all(Aim::is_plain) => {
                tls::trusting(RootCertStore::empty())
            }
            made => made,
        };
        let config = config.map_err(|why| vec![StartFault::server(format!("webhooks: {why}"))])?;
        let mut lanes = Vec::new();
        for aim in aims {
            let post = Post::new(&aim, Arc::clone(names), config.clone(), webhooks.timeout);
            let post = post.map_err(|fault| vec![fault])?;
            lanes.push(Lane::new(aim, post, webhooks.pace, webhooks.timeout));
        }
        // A request waits for a target only while it has a slot there, so all of them can never wait at once.
        let groups = Arc::new(Semaphore::new(lanes.len() * SLOTS + SPARE));
        Ok(Self { lanes, pace: webhooks.pace, timeout: webhooks.timeout, groups })
    }

    /// Goes on until the gate is gone or closes.
    pub(crate) fn start(self, gate: Weak<Gate>) {
        tokio::spawn(Arc::new(self).run(gate));
    }

    async fn run(self: Arc<Self>, gate: Weak<Gate>) {
        let mut ill = false;
        loop {
            let Some(gate) = gate.upgrade().filter(|gate| !gate.is_closing()) else { return };
            let desk: Arc<dyn Desk> = gate;
            let pause = match self.round(&desk).await {
                Ok(all) => {
                    if std::mem::take(&mut ill) {
                        tracing::info!("what is to be announced can be read again");
                    }
                    if all { self.pace.poll } else { Duration::ZERO }
                }
                Err(error) => {
                    if !std::mem::replace(&mut ill, true) {
                        tracing::warn!(%error, "what is to be announced can not be read; it is tried again");
                    }
                    self.pace.poll.saturating_mul(4)
                }
            };
            drop(desk);
            tokio::time::sleep(pause).await;
        }
    }

    /// Takes what is due, and has it told by tasks of its own. True where that was all.
    pub(super) async fn round(self: &Arc<Self>, desk: &Arc<dyn Desk>) -> Result<bool, StoreError> {
        let room = self.groups.available_permits().min(BATCH);
        if room == 0 {
            return Ok(true);
        }
        let limit = u32::try_from(room).unwrap_or(1);
        let due = desk.store().due_notices(limit, self.hold()).await?;
        let all = due.len() < room;
        let mut groups: BTreeMap<_, Vec<Notice>> = BTreeMap::new();
        for notice in due {
            groups.entry(notice.approval).or_default().push(notice);
        }
        for group in groups.into_values() {
            // Nobody else takes any, so there is one for each.
            let Ok(permit) = Arc::clone(&self.groups).try_acquire_owned() else { break };
            tokio::spawn(Arc::clone(self).handle(Arc::clone(desk), group, permit));
        }
        Ok(all)
    }

    /// For how long a notice that is handed out is nobody else's: two attempts in a row, and a slow store.
    pub(super) fn hold(&self) -> u64 {
        let hold = self.timeout * 2 + Duration::from_secs(15);
        u64::try_from(hold.as_millis()).unwrap_or(u64::MAX)
    }

    async fn handle(
        self: Arc<Self>,
        desk: Arc<dyn Desk>,
        group: Vec<Notice>,
        _permit: OwnedSemaphorePermit,
    ) {
        // What fails here is due again when its hold is over.
        if let Err(error) = self.tell(desk.as_ref(), group).await {
            tracing::warn!(%error, "a request could not be announced; it is tried again");
        }
    }
}
