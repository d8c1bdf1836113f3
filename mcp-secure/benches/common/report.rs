//! What benches print of their bounds.

use std::time::Duration;

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Prints whether a bound is held.
pub(crate) fn promise(held: bool, what: &str) -> bool {
    println!("{} {what}", if held { "held  " } else { "MISSED" });
    held
}
