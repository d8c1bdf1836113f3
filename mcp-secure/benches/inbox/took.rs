//! Times, in a table.

use std::time::Duration;

use crate::report::millis;

/// How long something took, many times.
pub(crate) struct Took {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Prints a line of the table.
pub(crate) fn took(name: &str, mut all: Vec<Duration>) -> Took {
    all.sort_unstable();
    let at = |percent: usize| all[(all.len() - 1) * percent / 100];
    let took = Took { p50: at(50), p99: at(99) };
    println!(
        "{name:<44}{:>8}{:>12.2}{:>12.2}{:>12.2}",
        all.len(),
        millis(took.p50),
        millis(took.p99),
        millis(all[all.len() - 1])
    );
    took
}
