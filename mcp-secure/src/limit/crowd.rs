//! How many of one kind are open at once, for each key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what is open: connections of an address, streams of an account. Only who has something open is remembered.
#[derive(Debug)]
pub(crate) struct Crowd<K: Hash + Eq>(Arc<Mutex<HashMap<K, u32>>>);

/// One place. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Hash + Eq> {
    of: K,
    open: Arc<Mutex<HashMap<K, u32>>>,
}

impl<K: Hash + Eq> Default for Crowd<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Hash + Eq> Clone for Crowd<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Hash + Eq + Clone> Crowd<K> {
    /// A place for `key`, if it holds fewer than `most`.
    pub(crate) fn enter(&self, key: K, most: u32) -> Option<Place<K>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = open.get(&key).copied().unwrap_or_default();
        if held >= most {
            return None;
        }
        open.insert(key.clone(), held.saturating_add(1));
        Some(Place { of: key, open: Arc::clone(&self.0) })
    }
}

impl<K: Hash + Eq> Drop for Place<K> {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = open.get_mut(&self.of) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                open.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_so_many_places_and_one_that_has_left_is_forgotten() {
        let crowd = Crowd::default();
        let two = [crowd.enter("a", 2).unwrap(), crowd.enter("a", 2).unwrap()];
        assert!(crowd.enter("a", 2).is_none());
        assert!(crowd.enter("b", 2).is_some());
        drop(two);
        assert!(crowd.0.lock().unwrap().is_empty());
        assert!(crowd.enter("a", 2).is_some());
    }
}
