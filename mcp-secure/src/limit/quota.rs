use std::num::NonZeroU32;

/// So many in a second over time, and so many at once after a rest.
///
/// ```
/// use mcp_secure::limit::Quota;
/// let quota = Quota::per_second(10).burst(50);
/// assert_eq!((quota.sustained(), quota.at_once()), (10, 50));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    sustained: NonZeroU32,
    burst: NonZeroU32,
}

impl Quota {
    /// `count` in a second, and as many at once. At least one: a quota of none would be a switch.
    #[must_use]
    pub const fn per_second(count: u32) -> Self {
        let sustained = match NonZeroU32::new(count) {
            Some(count) => count,
            None => NonZeroU32::MIN,
        };
        Self { sustained, burst: sustained }
    }

    /// As many at once.
    #[must_use]
    pub const fn burst(self, count: u32) -> Self {
        let burst = match NonZeroU32::new(count) {
            Some(count) => count,
            None => NonZeroU32::MIN,
        };
        Self { burst, ..self }
    }

    /// How many in a second, over time.
    #[must_use]
    pub const fn sustained(self) -> u32 {
        self.sustained.get()
    }

    /// How many at once.
    #[must_use]
    pub const fn at_once(self) -> u32 {
        self.burst.get()
    }

    pub(super) const fn governor(self) -> governor::Quota {
        governor::Quota::per_second(self.sustained).allow_burst(self.burst)
    }
}
