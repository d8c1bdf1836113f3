use crate::canon::Digest;

/// A rate that all replicas keep together: the generic cell rate algorithm (GCRA).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many calls may come at once after a pause. Zero allows nothing.
    pub burst: u32,
    /// Microseconds for one more call. Zero allows everything.
    pub every_us: u64,
}

/// What a process wants of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The bucket.
    pub bucket: Digest,
    /// What it grants.
    pub rate: Rate,
    /// Up to how many calls.
    pub calls: u32,
}

/// The answer to [`Store::lease`](super::Store::lease) for one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    /// How many calls the asker may let through. They are used up, whether or not they come.
    pub granted: u32,
    /// When none: until the next one, in milliseconds. 0 where this bucket has some, and another one has none.
    pub retry_after_ms: u64,
}

/// What several buckets, filled up to `filled`, grant together at `now`: each, or none of them. Beside each answer what its
/// bucket is filled up to then, where that changes.
pub(super) fn take_all(
    wanted: &[Wanted],
    filled: &[Option<i64>],
    now: i64,
) -> Vec<(Leased, Option<i64>)> {
    let mut taken: Vec<_> = wanted
        .iter()
        .zip(filled)
        .map(|(want, filled)| want.rate.take(*filled, now, want.calls))
        .collect();
    if taken.iter().any(|(leased, _)| leased.granted == 0) {
        for (leased, filled) in &mut taken {
            leased.granted = 0;
            *filled = None;
        }
    }
    taken
}

impl Rate {
    /// What a bucket that is filled up to `until` grants at `now`, and up to when it is filled then. Microseconds.
    pub(crate) fn take(self, until: Option<i64>, now: i64, want: u32) -> (Leased, Option<i64>) {
        let every = i64::try_from(self.every_us).unwrap_or(i64::MAX);
        if self.burst == 0 {
            return (Leased { granted: 0, retry_after_ms: u64::MAX }, None);
        }
        if every == 0 || want == 0 {
            return (Leased { granted: want, retry_after_ms: 0 }, None);
        }
        let until = until.unwrap_or(now).max(now);
        let latest = now.saturating_add(every.saturating_mul(i64::from(self.burst)));
        let room = latest.saturating_sub(until).max(0) / every;
        let granted = u32::try_from(room).unwrap_or(u32::MAX).min(want);
        if granted > 0 {
            let filled = until.saturating_add(every.saturating_mul(i64::from(granted)));
            return (Leased { granted, retry_after_ms: 0 }, Some(filled));
        }
        let pause = until.saturating_add(every).saturating_sub(latest).max(1);
        let retry_after_ms = u64::try_from(pause).unwrap_or(u64::MAX).div_ceil(1000);
        (Leased { granted: 0, retry_after_ms }, None)
    }
}
