//! The one way to a tool's body.
//!
//! [`Gate::call`] is the pipeline: stdio, HTTP, a resumed approval and the command line all go through it, and it alone
//! can make the [`Clearance`] that a body's entry point consumes. Each stage lies in a file of its own, takes what
//! the one before returned, and returns what the next one needs.

mod approve;
mod authorise;
mod call;
mod commit;
mod decide;
mod execute;
mod find;
mod gate;
mod record;
mod redact;
mod refusal;
mod table;
mod upkeep;
mod validate;
mod witness;

pub use call::Transport;
pub(crate) use call::{Answer, Incoming, META_PREFIX, Target};
pub use decide::{DecideRefused, DecisionMade};
pub use gate::Settings;
pub(crate) use gate::{Gate, GateParts, ServerInfo};
pub use refusal::Code;
pub(crate) use refusal::Refusal;
pub(crate) use table::{Served, Table};
pub(crate) use witness::Clearance;
pub use witness::Cleared;

use std::sync::Arc;

use record::Trail;

impl Gate {
    /// Serves one call, from what a transport brought to what it takes back. Nothing reaches a body but through here.
    pub(crate) async fn call(self: &Arc<Self>, incoming: Incoming) -> Answer {
        // Who calls was established by an authenticator: `Incoming` cannot be made without its seal.
        let mut trail = Trail::begin(&incoming);

        let Some(tool) = self.find(&incoming) else { return self.unknown(trail, &incoming) };
        trail.found(&tool);

        let gates = async {
            let valid = self.validate(&tool, incoming, &mut trail)?;
            let permitted = self.authorise(&tool, valid, &mut trail).await?;
            let slot = self.limit(&tool)?;
            let approved = self.approve(&tool, permitted, &mut trail).await?;
            Ok((approved, slot))
        };
        let (approved, slot) = match gates.await {
            Ok(passed) => passed,
            Err(refusal) => return self.refuse(trail, refusal),
        };

        if let Some(replay) = approved.replay {
            return self.replay(trail, replay);
        }
        if tool.spec.annotations.read_only {
            self.read(&tool, approved, slot, trail).await
        } else {
            // From here the call owns a task: a client that goes away cannot drop it half-way.
            self.mutate(&tool, approved, slot, trail).await
        }
    }
}
