//! Counting what is refused beyond a limit, in place of a record for each.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One record in this time for each key; it tells how many went unrecorded since the one before.
const ONE_IN: Duration = Duration::from_secs(10);
/// Keys that are remembered. Beyond them refusals of strangers share one count.
const REMEMBERED: usize = 1024;

#[derive(Debug)]
pub(crate) struct Flood<K>(Mutex<HashMap<Option<K>, (Instant, u64)>>);

impl<K> Default for Flood<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> Flood<K> {
    /// How many went unrecorded before this one, if this one is to be recorded.
    pub(crate) fn admit(&self, key: K) -> Option<u64> {
        let now = Instant::now();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Some(key);
        if seen.len() >= REMEMBERED && !seen.contains_key(&key) {
            // What they counted is told with the next of the strangers.
            let mut untold = 0_u64;
            seen.retain(|key, (since, count)| {
                let keep = key.is_none() || now.duration_since(*since) < ONE_IN;
                untold = untold.saturating_add(if keep { 0 } else { *count });
                keep
            });
            if untold > 0 {
                let all = seen.entry(None).or_insert((now, 0));
                all.1 = all.1.saturating_add(untold);
            }
        }
        let key = if seen.len() < REMEMBERED || seen.contains_key(&key) { key } else { None };
        match seen.get_mut(&key) {
            Some((since, count)) if now.duration_since(*since) < ONE_IN => {
                *count = count.saturating_add(1);
                None
            }
            Some(entry) => Some(std::mem::replace(entry, (now, 0)).1),
            None => {
                seen.insert(key, (now, 0));
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_refusals_one_is_recorded_and_tells_of_the_rest() {
        let flood = Flood::default();
        assert_eq!(flood.admit("alice"), Some(0));
        assert!((0..99).all(|_| flood.admit("alice").is_none()));
        assert_eq!(flood.admit("bob"), Some(0), "another one's flood hides nobody");
        let past = Instant::now().checked_sub(ONE_IN).unwrap();
        flood.0.lock().unwrap().get_mut(&Some("alice")).unwrap().0 = past;
        assert_eq!(flood.admit("alice"), Some(99));
    }

    #[test]
    fn who_has_gone_makes_room_and_what_they_were_refused_is_told() {
        let flood = Flood::default();
        for n in 0..REMEMBERED {
            assert!(flood.admit(n).is_some() && flood.admit(n).is_none());
        }
        let past = Instant::now().checked_sub(ONE_IN).unwrap();
        flood.0.lock().unwrap().values_mut().for_each(|(since, _)| *since = past);
        assert_eq!(flood.admit(REMEMBERED), Some(0));
        let seen = flood.0.lock().unwrap();
        assert_eq!((seen.len(), seen[&None].1), (2, REMEMBERED as u64));
    }

    #[test]
    fn strangers_can_not_fill_the_memory() {
        let flood = Flood::default();
        let recorded = (0..100_000).filter(|n| flood.admit(*n).is_some()).count();
        assert_eq!(recorded, REMEMBERED + 1);
        assert_eq!(flood.0.lock().unwrap().len(), REMEMBERED + 1);
    }
}
