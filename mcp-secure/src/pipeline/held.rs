//! The runs that this process holds, so that its own upkeep does not take them for lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;

use super::gate::Gate;
use crate::store::{Fence, RunId};

/// The runs between the start of their bodies and the end of their rows.
#[derive(Default)]
pub(super) struct Held(Mutex<HashMap<RunId, Fence>>);

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Fence>> {
        // Every change is one operation, so a holder that panicked left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a run among those that are held, until what this returns is dropped.
    pub(super) fn add(self: &Arc<Self>, run: RunId, fence: Fence) -> Holding {
        self.lock().insert(run, fence);
        Holding { held: Arc::clone(self), run }
    }
}

/// A run that this process holds.
pub(super) struct Holding {
    held: Arc<Held>,
    run: RunId,
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.held.lock().remove(&self.run);
    }
}

impl Gate {
    /// Renews what this process holds. After a stall of the process, or a step of the clock, a lease has lapsed whose run
    /// goes on; nobody else may have noticed yet.
    pub(super) async fn renew_held(&self) -> Result<(), String> {
        let held: Vec<(RunId, Fence)> =
            self.held.lock().iter().map(|(run, fence)| (*run, *fence)).collect();
        let renewing =
            held.iter().map(|(run, fence)| self.store.renew(run, *fence, self.lease_ms()));
        // One that is lost, or over by now, is its own task's to notice.
        let renewed = join_all(renewing).await;
        renewed.into_iter().try_for_each(|one| one.map(drop).map_err(|error| error.to_string()))
    }
}
