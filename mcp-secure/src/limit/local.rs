//! Counting within this process.

use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;

use super::Quota;

/// So many checks go by between two looks at what can be forgotten.
const TIDY_EVERY: u32 = 4096;

/// One allowance for each key. A key that has rested is forgotten, so that strangers can not fill the memory.
pub(crate) struct Local<K: Hash + Eq + Clone> {
    limiter:
        RateLimiter<K, DashMapStateStore<K>, MonotonicClock, NoOpMiddleware<std::time::Instant>>,
    clock: MonotonicClock,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone> Local<K> {
    pub(crate) fn new(quota: Quota) -> Self {
        let clock = MonotonicClock;
        let limiter =
            RateLimiter::new(quota.governor(), DashMapStateStore::default(), clock.clone());
        Self { limiter, clock, checks: AtomicU32::new(0) }
    }

    /// Takes one, or says how long to wait for it.
    pub(crate) fn take(&self, key: &K) -> Result<(), Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(key).map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

impl<K: Hash + Eq + Clone> std::fmt::Debug for Local<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Local")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_an_allowance_of_its_own() {
        let local = Local::new(Quota::per_second(1).burst(2));
        assert!(local.take(&"alice").is_ok() && local.take(&"alice").is_ok());
        let wait = local.take(&"alice").unwrap_err();
        assert!(wait > Duration::from_millis(500) && wait <= Duration::from_secs(1), "{wait:?}");
        assert!(local.take(&"bob").is_ok(), "b14: one shared bucket for everyone");
    }

    #[test]
    fn who_has_rested_is_forgotten() {
        let local = Local::new(Quota::per_second(1_000_000));
        for peer in 0..3 * TIDY_EVERY {
            assert!(local.take(&peer).is_ok());
        }
        assert!(local.limiter.len() < 3 * TIDY_EVERY as usize, "{}", local.limiter.len());
    }
}
