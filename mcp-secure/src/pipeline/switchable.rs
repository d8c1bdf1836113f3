//! What somebody may switch, for a page that offers nothing else.

use super::gate::Gate;
use super::switches::{SWITCH_ACTION, permitted, wish};
use crate::identity::Authenticated;
use crate::policy::Act;
use crate::store::SwitchScope;
use crate::tool::spec::Kind;

impl Gate {
    /// Whether policy could let `who` switch anything.
    pub(crate) fn could_switch(&self, who: &Authenticated) -> bool {
        self.policy.could_permit(who.principal(), Act::Call, SWITCH_ACTION)
    }

    /// What policy lets `who` switch off (or on) at present: everything, their own tenant, each tool.
    pub(crate) fn switchable(&self, who: &Authenticated, off: bool) -> Vec<SwitchScope> {
        if !self.could_switch(who) {
            return Vec::new();
        }
        let tools = self.table.iter().filter(|served| matches!(served.spec.kind, Kind::Tool));
        let mut tools: Vec<_> = tools.map(|served| served.spec.name.to_owned()).collect();
        tools.sort();
        let whole = [SwitchScope::Everything, SwitchScope::Tenant(who.principal().tenant.clone())];
        let now = self.clock.now();
        let all = whole.into_iter().chain(tools.into_iter().map(SwitchScope::Tool));
        all.filter(|scope| permitted(&self.policy, who, &wish(scope, off), now).is_ok()).collect()
    }
}
