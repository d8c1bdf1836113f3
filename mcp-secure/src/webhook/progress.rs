//! Who has been told of a change, and when who has not is tried again.

use crate::clock::Timestamp;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often, and for how long, a target is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How often the store is asked.
    pub(super) poll: Duration,
    /// The pause after the first failure; each failure doubles it.
    pub(super) first: Duration,
    /// The longest pause.
    pub(super) longest: Duration,
    /// From then on a failure is the last one, counted from the change.
    pub(super) give_up: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(500),
            first: Duration::from_secs(5),
            longest: Duration::from_secs(60 * 60),
            give_up: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl Pace {
    /// The pause after the `tries`-th failure in a row, give or take a fifth so that not everybody comes back at once. The
    /// other side may ask for more, up to the longest.
    pub(super) fn pause(&self, tries: u32, retry_after: Option<Duration>) -> Duration {
        let doubled = self.first.saturating_mul(1 << tries.saturating_sub(1).min(20));
        let asked = doubled.max(retry_after.unwrap_or_default()).min(self.longest);
        scattered(asked)
    }
}

/// `about`, give or take a fifth.
pub(super) fn scattered(about: Duration) -> Duration {
    let fifth = about / 5;
    let up_to = u64::try_from((fifth * 2).as_millis()).unwrap_or(u64::MAX);
    about.saturating_sub(fifth) + Duration::from_millis(rand::rng().random_range(0..=up_to))
}

/// How far telling everybody of one change has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Progress(BTreeMap<String, Standing>);

/// Where one target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Told,
    GivenUp,
    Failed { tries: u32, next: Timestamp },
}

impl Progress {
    /// What was written down. What can not be read tells of nobody: telling twice is better than never.
    pub(super) fn read(value: &Value) -> Self {
        match value {
            Value::Null => Self::default(),
            written => serde_json::from_value(written.clone()).unwrap_or_else(|_| {
                tracing::warn!(
                    "who was told of a request can not be read; everybody is told again"
                );
                Self::default()
            }),
        }
    }

    pub(super) fn write(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Whether nothing is left to do for this target.
    pub(super) fn is_over(&self, target: &str) -> bool {
        matches!(self.0.get(target), Some(Standing::Told | Standing::GivenUp))
    }

    /// How long this target is to be left alone.
    pub(super) fn wait(&self, target: &str, now: Timestamp) -> Option<Duration> {
        let Some(Standing::Failed { next, .. }) = self.0.get(target) else { return None };
        let millis = next.millis().saturating_sub(now.millis());
        u64::try_from(millis).ok().filter(|millis| *millis > 0).map(Duration::from_millis)
    }

    pub(super) fn tries(&self, target: &str) -> u32 {
        match self.0.get(target) {
            Some(Standing::Failed { tries, .. }) => *tries,
            _ => 0,
        }
    }

    pub(super) fn told(&mut self, target: &str) {
        self.0.insert(target.to_owned(), Standing::Told);
    }

    pub(super) fn given_up(&mut self, target: &str) {
        self.0.insert(target.to_owned(), Standing::GivenUp);
    }

    pub(super) fn failed(&mut self, target: &str, tries: u32, next: Timestamp) {
        self.0.insert(target.to_owned(), Standing::Failed { tries, next });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pauses_double_up_to_an_hour_and_are_scattered() {
        let pace = Pace::default();
        let near = |pause: Duration, about: u64| {
            let (low, high) = (about * 800, about * 1200);
            (low..=high).contains(&u64::try_from(pause.as_millis()).unwrap())
        };
        for (tries, about) in [(1, 5), (2, 10), (3, 20), (10, 2560), (11, 3600), (u32::MAX, 3600)] {
            for _ in 0..50 {
                let pause = pace.pause(tries, None);
                assert!(near(pause, about), "{tries}: {pause:?}");
            }
        }
        let first: Vec<_> = (0..20).map(|_| pace.pause(1, None)).collect();
        assert!(first.iter().any(|one| *one != first[0]), "nothing is scattered");
    }

    #[test]
    fn who_asks_for_more_time_gets_it_within_bounds() {
        let pause = |seconds| Pace::default().pause(1, Some(Duration::from_secs(seconds)));
        assert!(pause(0) >= Duration::from_secs(4) && pause(1) <= Duration::from_secs(6));
        assert!((96..=144).contains(&pause(120).as_secs()));
        assert!(pause(u64::MAX) <= Duration::from_secs(4320));
    }

    #[test]
    fn what_was_written_down_is_read_again_and_nonsense_tells_of_nobody() {
        let now = Timestamp::from_millis(1_000);
        let mut progress = Progress::read(&Value::Null);
        progress.told("a");
        progress.failed("b", 3, now.plus_millis(500));
        progress.given_up("c");
        let read = Progress::read(&progress.write());
        assert_eq!(read, progress);
        assert!(read.is_over("a") && read.is_over("c") && !read.is_over("b") && !read.is_over("d"));
        assert_eq!(read.wait("b", now), Some(Duration::from_millis(500)));
        assert_eq!(read.wait("b", now.plus_millis(500)), None);
        assert_eq!((read.tries("b"), read.tries("d")), (3, 0));
        assert_eq!(Progress::read(&json!({"a": "of another version"})), Progress::default());
    }
}
