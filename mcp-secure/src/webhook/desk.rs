//! What announcing works with: the gate, or in a test less of it.

use crate::approval::ApprovalId;
use crate::audit::Audit;
use crate::clock::{Clock, Timestamp};
use crate::pipeline::Gate;
use crate::store::Store;
use std::sync::Arc;

pub(super) trait Desk: Send + Sync {
    fn store(&self) -> &Arc<dyn Store>;
    fn audit(&self) -> &Audit;
    /// The time that another machine has too.
    fn time(&self) -> Timestamp;
    /// The server's name.
    fn server(&self) -> &str;
    /// Where people decide on a request.
    fn decide_url(&self, id: &ApprovalId) -> Option<String>;
}

impl Desk for Gate {
    fn store(&self) -> &Arc<dyn Store> {
        self.store()
    }

    fn audit(&self) -> &Audit {
        self.audit()
    }

    fn time(&self) -> Timestamp {
        // The process's clock never steps back: once it was ahead it stays so, and no receiver would believe a message
        // from the future.
        if self.clock().is_fixed() { self.clock().now() } else { Clock::system().now() }
    }

    fn server(&self) -> &str {
        &self.info().name
    }

    fn decide_url(&self, id: &ApprovalId) -> Option<String> {
        self.decide_url(id)
    }
}
