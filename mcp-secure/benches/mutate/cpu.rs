//! How much of the processors a process has taken.

use std::time::Duration;

/// Linux counts in these, on every machine (`USER_HZ`, proc(5)).
const A_TICK: Duration = Duration::from_millis(10);

/// What this process has taken so far, and every thread of it.
pub(crate) fn of_this_process() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name before may hold anything, spaces too.
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |nth: usize| fields[nth].parse::<u32>().unwrap();
    A_TICK * (ticks(11) + ticks(12))
}
