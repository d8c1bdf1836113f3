//! The way to one target, and what this process knows of its health. No lane waits for another.

use super::check::Aim;
use super::key::Key;
use super::post::{Failed, Failure, Post};
use super::progress::{Pace, scattered};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many attempts are under way to one target at most.
pub(super) const SLOTS: usize = 8;
/// After so many failures in a row a target rests.
const PATIENCE: u32 = 3;
/// The longest rest: so long does a target that is back wait for what is new.
const LONGEST_REST: Duration = Duration::from_secs(60);

pub(super) struct Lane {
    pub(super) name: String,
    pub(super) keys: Vec<Key>,
    pub(super) post: Post,
    tenants: Vec<String>,
    pace: Pace,
    busy: Duration,
    slots: Arc<Semaphore>,
    health: Mutex<Health>,
    given_up: AtomicU64,
}

#[derive(Default)]
struct Health {
    failures: u32,
    rests_until: Option<Instant>,
}

impl Lane {
    pub(super) fn new(aim: Aim, post: Post, pace: Pace, timeout: Duration) -> Self {
        Self {
            name: aim.name,
            keys: aim.keys,
            tenants: aim.tenants,
            post,
            pace,
            busy: timeout,
            slots: Arc::new(Semaphore::new(SLOTS)),
            health: Mutex::default(),
            given_up: AtomicU64::new(0),
        }
    }

    /// Whether it is told of this tenant's requests.
    pub(super) fn takes(&self, tenant: &str) -> bool {
        self.tenants.is_empty() || self.tenants.iter().any(|one| one == tenant)
    }

    /// A place for one attempt, or how long to wait for one. Nobody queues here: who holds a notice and waits for this
    /// target keeps nobody from another.
    pub(super) fn enter(&self) -> Result<OwnedSemaphorePermit, Duration> {
        let rests_until = self.health().rests_until;
        let rest = rests_until.map(|until| until.saturating_duration_since(Instant::now()));
        if let Some(rest) = rest.filter(|rest| !rest.is_zero()) {
            return Err(rest + scattered(self.pace.first / 5));
        }
        Arc::clone(&self.slots).try_acquire_owned().map_err(|_| scattered(self.busy))
    }

    pub(super) fn succeeded(&self) {
        let failed = std::mem::take(&mut *self.health()).failures;
        if failed > 0 {
            tracing::info!(webhook = self.name, failed, "the webhook answers again");
        }
    }

    pub(super) fn failed(&self, failed: &Failed) {
        let mut health = self.health();
        health.failures = health.failures.saturating_add(1);
        let nth = health.failures;
        if let Some(over) = nth.checked_sub(PATIENCE) {
            let rest = self.pace.first.saturating_mul(1 << over.min(20)).min(LONGEST_REST);
            health.rests_until = Some(Instant::now() + rest);
        }
        drop(health);
        let why = failed.why;
        if nth == 1 {
            tracing::warn!(webhook = self.name, %why, "a webhook can not be told; it is tried again");
        } else {
            tracing::debug!(webhook = self.name, %why, nth, "a webhook can still not be told");
        }
    }

    /// Counts what this target will not be told, since this process began.
    pub(super) fn gave_up(&self, approval: &str, state: &str, tries: u32, why: Failure) {
        let given_up = self.given_up.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::error!(
            webhook = self.name, approval, state, tries, %why, given_up,
            "a webhook was not told of a request, and is tried no longer"
        );
    }

    #[cfg(test)]
    pub(super) fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
