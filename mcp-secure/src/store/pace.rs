//! Time that does not stand still while a clock is behind what was written down.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The store's time never steps back. Where a clock once ran ahead and was put right, time goes on from what was written,
/// at the pace of this machine: standing still, nothing would ever expire, and no lease would ever lapse.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<(Instant, i64)>>);

impl Pace {
    /// The time in milliseconds, for a clock that says `clock` and a store that has written `written`.
    pub(super) fn now(&self, clock: i64, written: i64) -> i64 {
        let mut ahead = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if clock >= written {
            *ahead = None;
            return clock;
        }
        let (since, from) = *ahead.get_or_insert_with(|| {
            tracing::warn!(
                behind_ms = written.saturating_sub(clock),
                "the clock is behind the store's time, which goes on from where it was; what expires does so early"
            );
            (Instant::now(), written)
        });
        let passed = i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX);
        let reached = from.saturating_add(passed);
        if written > reached {
            // Somebody was further ahead still. Time goes on from there, rather than stand until this one has come as far.
            *ahead = Some((Instant::now(), written));
        }
        written.max(reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn time_goes_on_from_what_was_written_and_never_steps_back() {
        let pace = Pace::default();
        assert_eq!(pace.now(1000, 500), 1000);
        let first = pace.now(1000, 1_000_000);
        assert_eq!(first, 1_000_000);
        std::thread::sleep(Duration::from_millis(30));
        let later = pace.now(1030, first);
        assert!(later >= 1_000_030, "{later}");
        assert!(pace.now(1031, later) >= later);
        assert_eq!(pace.now(1032, 1_500_000), 1_500_000);
        std::thread::sleep(Duration::from_millis(30));
        let later = pace.now(1062, 1_500_000);
        assert!(later >= 1_500_030, "time stands still after a second step: {later}");
        assert_eq!(pace.now(2_000_000, later), 2_000_000, "the clock has caught up");
    }
}
