//! Tokens verified before, by digest. The tokens themselves are not kept.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::Authenticated;
use crate::canon::Digest;

/// A verified token, with all that has to hold still for it to count.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) who: Authenticated,
    /// The first second at which the token no longer counts.
    pub(super) dead_at: i64,
    /// Which issuer verified it, and under which generation of its keys.
    pub(super) issuer: usize,
    pub(super) generation: u64,
    /// The token's id, for revocation.
    pub(super) token_id: Option<String>,
    pub(super) issued_at: Option<i64>,
}

/// A bounded map in two generations: when the young one is full it becomes the old one, whose remains are dropped.
///
/// Insertion stays constant-time and a flood of tokens can only push others out, never grow the map.
#[derive(Debug)]
pub(super) struct Cache {
    half: usize,
    maps: RwLock<Maps>,
}

#[derive(Debug, Default)]
struct Maps {
    young: HashMap<Digest, Arc<Entry>>,
    old: HashMap<Digest, Arc<Entry>>,
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { half: capacity.div_ceil(2).max(1), maps: RwLock::default() }
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<Entry>> {
        // A panic elsewhere leaves whole entries behind: nothing in here is done in two steps.
        let maps = self.maps.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = maps.young.get(digest) {
            return Some(Arc::clone(entry));
        }
        let entry = Arc::clone(maps.old.get(digest)?);
        drop(maps);
        self.put(*digest, Arc::clone(&entry));
        Some(entry)
    }

    pub(super) fn put(&self, digest: Digest, entry: Arc<Entry>) {
        let mut maps = self.maps.write().unwrap_or_else(PoisonError::into_inner);
        if maps.young.len() >= self.half && !maps.young.contains_key(&digest) {
            maps.old = std::mem::take(&mut maps.young);
        }
        maps.young.insert(digest, entry);
    }

    pub(super) fn forget(&self, digest: &Digest) {
        let mut maps = self.maps.write().unwrap_or_else(PoisonError::into_inner);
        maps.young.remove(digest);
        maps.old.remove(digest);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let maps = self.maps.read().unwrap();
        maps.young.len() + maps.old.len()
    }
}
