//! Who has asked about an action before, as Cedar compares them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use cedar_policy::{Entities, EntityUid, PolicySet};

use super::shape::Mismatch;
use crate::identity::Principal;

/// How many principals one action remembers.
const MOST: usize = 256;

/// A principal and the action it asks about, joined with everything they are in.
#[derive(Debug)]
pub(super) struct Asker {
    /// No other asker of this process has it, before or after.
    pub(super) number: u64,
    pub(super) uid: EntityUid,
    pub(super) entities: Entities,
    /// What is left of the action's policies for this principal.
    pub(super) policies: PolicySet,
}

impl Asker {
    pub(super) fn new(uid: EntityUid, entities: Entities, policies: PolicySet) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), uid, entities, policies }
    }
}

/// The principals that asked last. Expressing one costs more than all the rest of a question.
///
/// They are found by everything that is known of them, so one whose roles have changed is another one.
#[derive(Debug, Default)]
pub(super) struct Known(RwLock<HashMap<Principal, Arc<Asker>>>);

impl Known {
    /// What `express` made of this very principal before, or makes of it now.
    pub(super) fn get(
        &self,
        principal: &Principal,
        express: impl FnOnce() -> Result<Asker, Mismatch>,
    ) -> Result<Arc<Asker>, Mismatch> {
        // A panic elsewhere leaves whole entries behind: nothing in here is done in two steps.
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(asker) = known.get(principal) {
            return Ok(Arc::clone(asker));
        }
        drop(known);
        let asker = Arc::new(express()?);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(principal.clone(), Arc::clone(&asker));
        Ok(asker)
    }
}
