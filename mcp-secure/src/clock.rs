//! One place that reads the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
///
/// ```
/// let now = mcp_secure::clock::Clock::system().now();
/// assert!(now.millis() > 0);
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A timestamp from milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time plus `millis`, held at the largest time that can be said.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Reads RFC 3339, in any zone; what is finer than a millisecond is left out. `None` where it is none.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let format = &time::format_description::well_known::Rfc3339;
        let at = time::OffsetDateTime::parse(text, format).ok()?;
        i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok().map(Self)
    }

    /// RFC 3339 in UTC with milliseconds, or the bare number where the calendar has no such date.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let nanos = i128::from(self.0) * 1_000_000;
        time::OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .ok()
            .and_then(|t| t.format(&time::format_description::well_known::Rfc3339).ok())
            .unwrap_or_else(|| self.0.to_string())
    }
}

/// A clock that never steps back within a process.
///
/// Expiry is decided with it, so a wall clock set back cannot revive what has expired. Tests set their own time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    fixed: bool,
    last: AtomicI64,
    /// What stands for the machine's clock in a test, which may be set back.
    #[cfg(test)]
    machine: Option<AtomicI64>,
}

impl Clock {
    /// The wall clock of this machine, held monotonic.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Inner {
            fixed: false,
            last: AtomicI64::new(0),
            #[cfg(test)]
            machine: None,
        }))
    }

    /// A clock that stands still until [`Clock::advance_millis`] moves it. For tests.
    #[must_use]
    pub fn fixed(at: Timestamp) -> Self {
        Self(Arc::new(Inner {
            fixed: true,
            last: AtomicI64::new(at.millis()),
            #[cfg(test)]
            machine: None,
        }))
    }

    /// The wall clock of a machine of the test's own, which [`Clock::set_machine`] sets ahead and back.
    #[cfg(test)]
    pub(crate) fn of_a_machine(at: Timestamp) -> Self {
        let (last, machine) = (AtomicI64::new(0), Some(AtomicI64::new(at.millis())));
        Self(Arc::new(Inner { fixed: false, last, machine }))
    }

    #[cfg(test)]
    pub(crate) fn set_machine(&self, at: Timestamp) {
        self.0.machine.as_ref().unwrap().store(at.millis(), Ordering::Release);
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        if self.0.fixed {
            return Timestamp(self.0.last.load(Ordering::Acquire));
        }
        let wall = self.wall().0;
        let before = self.0.last.fetch_max(wall, Ordering::AcqRel);
        Timestamp(before.max(wall))
    }

    /// What the wall clock says, stepped back or not. For whoever holds time monotonic by other means.
    pub(crate) fn wall(&self) -> Timestamp {
        if self.0.fixed {
            return self.now();
        }
        #[cfg(test)]
        if let Some(machine) = &self.0.machine {
            return Timestamp(machine.load(Ordering::Acquire));
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Timestamp(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Whether it stands still until it is moved.
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    pub(crate) fn is_fixed(&self) -> bool {
        self.0.fixed
    }

    /// Moves a fixed clock forward; a system clock is not moved.
    pub fn advance_millis(&self, millis: i64) {
        if self.0.fixed {
            self.0.last.fetch_add(millis, Ordering::AcqRel);
        }
    }
}
