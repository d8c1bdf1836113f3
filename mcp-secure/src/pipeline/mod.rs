//! The one way to a tool's body.
//!
//! `Gate::call` is the pipeline: stdio, HTTP, a call that was approved and the client for tests all go through it, and it
//! alone can make the `Clearance` that a body's entry point consumes. Each stage lies in a file of its own, takes what the
//! one before returned, and returns what the next one needs.

#[cfg(feature = "server")]
mod approve;
#[cfg(feature = "server")]
mod authorise;
#[cfg(feature = "bench-internals")]
mod bench;
#[cfg(feature = "server")]
mod brake;
#[cfg(feature = "server")]
mod call;
#[cfg(feature = "server")]
mod cause;
#[cfg(feature = "server")]
mod commit;
#[cfg(feature = "server")]
mod decide;
#[cfg(feature = "server")]
mod execute;
#[cfg(feature = "server")]
mod find;
#[cfg(feature = "server")]
mod gate;
#[cfg(feature = "server")]
mod held;
#[cfg(feature = "server")]
mod idempotency;
#[cfg(feature = "server")]
mod limits;
#[cfg(feature = "server")]
mod look;
#[cfg(feature = "server")]
mod mask;
#[cfg(feature = "server")]
mod page;
#[cfg(feature = "server")]
mod preview;
#[cfg(feature = "server")]
mod record;
#[cfg(feature = "server")]
mod redact;
#[cfg(feature = "server")]
mod refusal;
#[cfg(feature = "server")]
mod resolve;
#[cfg(feature = "server")]
mod resume;
#[cfg(feature = "server")]
mod reveal;
#[cfg(feature = "server")]
mod rollback;
#[cfg(feature = "server")]
mod runner;
#[cfg(feature = "server")]
mod runs;
#[cfg(feature = "server")]
mod switchable;
#[cfg(feature = "server")]
mod switches;
#[cfg(feature = "server")]
mod table;
#[cfg(feature = "server")]
mod tasks;
#[cfg(test)]
#[cfg(feature = "server")]
mod tests;
#[cfg(feature = "server")]
mod tries;
#[cfg(feature = "server")]
mod upkeep;
#[cfg(feature = "server")]
mod validate;
#[cfg(feature = "server")]
mod void;
#[cfg(feature = "server")]
mod withdraw;
mod witness;

#[cfg(feature = "server")]
pub(crate) use approve::LOOK_AGAIN_MS;
#[cfg(feature = "bench-internals")]
#[doc(hidden)]
pub use bench::Stages;
#[cfg(feature = "server")]
pub(crate) use brake::{Brake, Declared, Hand, Pulled};
#[cfg(feature = "server")]
pub use call::Transport;
#[cfg(feature = "server")]
pub(crate) use call::{Answer, Channel, Incoming, META_PREFIX, Resumes, Target};
#[cfg(feature = "server")]
pub use decide::{DecideRefused, DecisionMade};
#[cfg(feature = "server")]
pub use gate::Settings;
#[cfg(feature = "server")]
pub(crate) use gate::{Account, Gate, GateParts, ServerInfo};
#[cfg(feature = "server")]
pub(crate) use limits::account;
#[cfg(feature = "server")]
pub(crate) use look::{Look, RequestAt};
#[cfg(feature = "server")]
pub(crate) use page::{Page, read_place, written_place};
#[cfg(feature = "server")]
pub use refusal::Code;
#[cfg(feature = "server")]
pub(crate) use refusal::{Refusal, Standing};
#[cfg(feature = "server")]
pub use resolve::ResolveRefused;
#[cfg(feature = "server")]
pub(crate) use reveal::{RevealRefused, Revealed};
#[cfg(feature = "server")]
pub(crate) use runs::RunAt;
#[cfg(feature = "server")]
pub use switches::SwitchRefused;
#[cfg(feature = "server")]
pub(crate) use switches::{SWITCH_ACTION, SWITCH_PERMISSION, switch_arguments};
#[cfg(feature = "server")]
pub(crate) use table::{Served, Table};
#[cfg(feature = "server")]
pub(crate) use tasks::{NoTask, Stage, Task, TaskAsked, kept_for_ms};
#[cfg(feature = "server")]
pub(crate) use void::Voided;
pub(crate) use witness::Clearance;
pub use witness::Cleared;

#[cfg(feature = "server")]
use std::panic::AssertUnwindSafe;
#[cfg(feature = "server")]
use std::sync::Arc;

#[cfg(feature = "server")]
use futures_util::FutureExt as _;

#[cfg(feature = "server")]
use approve::Approved;
#[cfg(feature = "server")]
use commit::Ready;
#[cfg(feature = "server")]
use idempotency::Repeat;
#[cfg(feature = "server")]
use limits::Slot;
#[cfg(feature = "server")]
use record::Trail;

#[cfg(feature = "server")]
use crate::guard::Checked;
#[cfg(feature = "server")]
use crate::tool::Output;

/// A call that no stage before the body refused.
#[cfg(feature = "server")]
#[expect(clippy::large_enum_variant, reason = "one a call, taken apart where it is made")]
enum Passed {
    /// It asked what it would do, and this is what it hears.
    Asked(Checked),
    /// It was carried out before, with this answer.
    Repeated(Output),
    /// It may run.
    Cleared(Approved, Slot),
}

#[cfg(feature = "server")]
impl Gate {
    /// Serves one call, from what a transport brought to what it takes back. Nothing reaches a body but through here.
    pub(crate) async fn call(self: &Arc<Self>, incoming: Incoming) -> Answer {
        // Who calls was established by an authenticator: `Incoming` cannot be made without its seal.
        let mut trail = Trail::begin(self, &incoming);

        if let Err(refusal) = self.within_quota(incoming.caller.principal()) {
            return self.refuse_counted(trail, refusal);
        }
        let Some(tool) = self.find(&incoming) else { return self.unknown(trail, &incoming) };
        trail.found(&tool);

        let gates = async {
            let valid = self.validate(&tool, incoming, &mut trail)?;
            let permitted = self.authorise(&tool, valid, &mut trail).await?;
            let resumed = self.resumed(&tool, &permitted)?;
            let key = match self.repeated(&tool, &permitted, &mut trail).await? {
                Repeat::Of(output) => return Ok(Passed::Repeated(output)),
                Repeat::No(key) => key,
            };
            let slot = Self::slot(&tool, &permitted.caller.principal)?;
            self.switched_on(&tool, &permitted.caller.principal)?;
            if permitted.dry_run {
                let preview = Box::pin(self.dry_run(&tool, &permitted)).await?;
                return Ok(Passed::Asked(preview));
            }
            let approved = self.approve(&tool, permitted, resumed, key, &mut trail).await?;
            if let Some(output) = approved.replay {
                return Ok(Passed::Repeated(output));
            }
            // Only what goes on to run counts: asking whether people have decided uses nothing up, and an approval that
            // meets a limit is not consumed.
            self.limit(&tool, &approved.permitted.caller.principal).await?;
            Ok(Passed::Cleared(approved, slot))
        };
        // Reading arguments runs the application's code too, and a panic in it is answered like any other failure.
        let passed = AssertUnwindSafe(gates).catch_unwind().await;
        let (approved, slot) = match passed.unwrap_or_else(|_| Err(Refusal::broken())) {
            Ok(Passed::Cleared(approved, slot)) => (approved, slot),
            Ok(Passed::Repeated(output)) => return self.replay(&tool, trail, output),
            Ok(Passed::Asked(preview)) => return self.previewed(&tool, trail, preview),
            Err(refusal) => return self.refuse(trail, refusal),
        };

        // An approved read consumes its approval like a write, so that it runs once.
        if tool.spec.annotations.read_only && approved.approval.is_none() {
            self.read(&tool, approved, slot, trail).await
        } else {
            // From here the call owns a task: a client that goes away cannot drop it half-way.
            match Ready::of(&tool, approved) {
                Ok(ready) => Box::pin(self.mutate(&tool, ready, slot, trail)).await,
                Err(refusal) => self.refuse(trail, refusal),
            }
        }
    }
}
