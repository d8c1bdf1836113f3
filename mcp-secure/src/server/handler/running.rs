//! The calls under way, and the time their callers' proofs last.

use std::sync::Arc;
use std::time::Instant;

/// Counts the calls under way, so that a server can let them end before it stops.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct Running(Arc<tokio::sync::watch::Sender<usize>>);

impl Running {
    pub(in crate::server) fn enter(&self) -> RunningCall {
        self.0.send_modify(|count| *count = count.saturating_add(1));
        RunningCall(self.clone())
    }

    /// Waits until no call is under way.
    pub(in crate::server) async fn none(&self) {
        // The sender lives as long as `self`, so the wait can not fail.
        drop(self.0.subscribe().wait_for(|count| *count == 0).await);
    }
}

/// One call under way.
#[derive(Debug)]
pub(in crate::server) struct RunningCall(Running);

impl Drop for RunningCall {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Waits until a proof ends, or for ever where it does not.
pub(in crate::server) async fn ended(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
