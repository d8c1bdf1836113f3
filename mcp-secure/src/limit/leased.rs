//! Counting over all processes of a store, without asking it for every call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::canon::Digest;
use crate::store::{Rate, Store, StoreError, Wanted};

/// What was leased and not used by then is lost, so that no process sits on another's allowance.
const LEASE_HOLDS: Duration = Duration::from_secs(1);
/// The most that is leased at once.
const MOST: u32 = 64;
/// Buckets that are remembered before those that lapsed are dropped.
const REMEMBERED: usize = 4096;

/// Why there is none.
#[derive(Debug)]
pub(crate) enum Exhausted {
    /// The bucket of this number has none; it has one again after so many milliseconds.
    Until(usize, u64),
    /// Nobody can tell. A limit that can not be looked up lets nothing through.
    Unknown(StoreError),
}

/// The allowances this process has leased.
pub(crate) struct Leases {
    store: Arc<dyn Store>,
    held: Mutex<HashMap<Digest, Lease>>,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    left: u32,
    until: Instant,
    /// How many to ask for next.
    want: u32,
}

impl Leases {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Digest, Lease>> {
        // Each change is one operation, so the map is whole whoever panicked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one out of each of these buckets, or out of none of them.
    pub(crate) async fn take(&self, buckets: &[(Digest, Rate)]) -> Result<(), Exhausted> {
        let now = Instant::now();
        let (mut held, mut wanted) = (Vec::new(), Vec::new());
        for (nth, (bucket, rate)) in buckets.iter().enumerate() {
            match self.take_held(*bucket, *rate, now) {
                None => held.push(*bucket),
                Some(calls) => wanted.push((nth, Wanted { bucket: *bucket, rate: *rate, calls })),
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let refused = match self.store.lease(wanted.iter().map(|(_, want)| *want).collect()).await {
            Ok(leased) => {
                let none = wanted.iter().zip(&leased).filter(|(_, leased)| leased.granted == 0);
                let longest = none.max_by_key(|(_, leased)| leased.retry_after_ms);
                match longest {
                    // An answer of another length than the question grants nothing either.
                    None if leased.len() == wanted.len() => {
                        for ((_, want), leased) in wanted.iter().zip(&leased) {
                            self.keep(want, leased.granted.saturating_sub(1), now);
                        }
                        return Ok(());
                    }
                    None => Exhausted::Unknown(StoreError::Internal(
                        "it answered for other buckets than it was asked about".to_owned(),
                    )),
                    Some(((nth, _), leased)) => Exhausted::Until(*nth, leased.retry_after_ms),
                }
            }
            Err(error) => Exhausted::Unknown(error),
        };
        self.give_back(&held, now);
        Err(refused)
    }

    /// Holds what was leased and is not used by the call that leased it.
    fn keep(&self, want: &Wanted, left: u32, now: Instant) {
        let mut held = self.held();
        if held.len() >= REMEMBERED {
            held.retain(|_, lease| lease.until > now);
        }
        let want_next = want.calls;
        let lease =
            held.entry(want.bucket).or_insert(Lease { left: 0, until: now, want: want_next });
        // Two calls may have leased at once: what both got is held until the earlier of the two lapses.
        let fresh = lease.left == 0 || lease.until <= now;
        lease.left = if fresh { left } else { lease.left.saturating_add(left) };
        lease.until = if fresh { now + LEASE_HOLDS } else { lease.until };
        lease.want = want_next;
    }

    /// Puts one back into each lease that it was taken from. What lapsed meanwhile would be lost anyway.
    fn give_back(&self, buckets: &[Digest], taken: Instant) {
        let mut held = self.held();
        for bucket in buckets {
            if let Some(lease) = held.get_mut(bucket)
                && lease.until > taken
            {
                lease.left = lease.left.saturating_add(1);
            }
        }
    }

    /// Takes one that is held, or says how many to lease. A lease that was used up in time is doubled, one that lapsed
    /// is halved; never more than a quarter of the burst, which other processes want a share of.
    fn take_held(&self, bucket: Digest, rate: Rate, now: Instant) -> Option<u32> {
        let most = (rate.burst / 4).clamp(1, MOST);
        let mut held = self.held();
        let Some(lease) = held.get_mut(&bucket) else { return Some(1) };
        if lease.until <= now {
            let lapsed = lease.left > 0;
            lease.left = 0;
            return Some(if lapsed { (lease.want / 2).max(1) } else { lease.want.min(most) });
        }
        match lease.left.checked_sub(1) {
            Some(left) => {
                lease.left = left;
                None
            }
            None => Some(lease.want.saturating_mul(2).min(most)),
        }
    }
}
