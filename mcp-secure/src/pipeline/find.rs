//! Stage 2: find the tool. One that is not listed for the caller does not exist for the caller.

use std::sync::Arc;

use super::call::{Incoming, Target};
use super::gate::Gate;
use super::table::Served;
use crate::identity::Authenticated;
use crate::policy::Act;

impl Gate {
    pub(super) fn find(&self, incoming: &Incoming) -> Option<Arc<Served>> {
        let served = match &incoming.target {
            Target::Tool(name) => self.table.tool(name),
            Target::Prompt(name) => self.table.prompt(name),
            Target::Resource(uri) => self.table.resource(uri).map(|(served, _)| served),
        }?;
        self.may_see(&incoming.caller, served).then(|| Arc::clone(served))
    }

    pub(super) fn may_see(&self, caller: &Authenticated, served: &Served) -> bool {
        self.policy.could_permit(caller.principal(), Act::Call, served.spec.name)
    }
}
