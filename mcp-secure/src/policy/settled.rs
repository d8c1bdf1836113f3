//! Policies without what is settled before they are asked: who asks, and for which action.

use std::collections::HashMap;

use cedar_policy::{Authorizer, Entities, Policy, PolicyId, PolicySet, Request};
use serde_json::{Value, json};

/// Each policy of one action in two parts: whom and what it is about, and all that is left to evaluate once that fits.
#[derive(Debug)]
pub(super) struct Split {
    /// Permits with the scope of each policy, under its id, and nothing else.
    scopes: PolicySet,
    rests: HashMap<PolicyId, Policy>,
}

impl Split {
    /// `None` where a policy cannot be taken apart; all of them are then asked as they are.
    pub(super) fn of(policies: &PolicySet) -> Option<Self> {
        let mut scopes = PolicySet::new();
        let mut rests = HashMap::new();
        for policy in policies.policies() {
            let whole = policy.to_json().ok()?;
            let id = policy.id();
            let mut scope = whole.clone();
            set(&mut scope, "effect", json!("permit"))?;
            set(&mut scope, "resource", anything())?;
            set(&mut scope, "conditions", json!([]))?;
            let mut rest = whole;
            set(&mut rest, "principal", anything())?;
            set(&mut rest, "action", anything())?;
            scopes.add(Policy::from_json(Some(id.clone()), scope).ok()?).ok()?;
            rests.insert(id.clone(), Policy::from_json(Some(id.clone()), rest).ok()?);
        }
        Some(Self { scopes, rests })
    }

    /// What is left of the policies that are about the principal and the action of `request`. Which those are is
    /// Cedar's answer and not ours.
    pub(super) fn left_for(
        &self,
        authorizer: &Authorizer,
        request: &Request,
        entities: &Entities,
    ) -> Option<PolicySet> {
        let response = authorizer.is_authorized(request, &self.scopes, entities);
        if response.diagnostics().errors().next().is_some() {
            return None;
        }
        let mut left = PolicySet::new();
        for id in response.diagnostics().reason() {
            left.add(self.rests.get(id)?.clone()).ok()?;
        }
        Some(left)
    }
}

fn anything() -> Value {
    json!({"op": "All"})
}

/// Replaces a member that has to be there.
fn set(policy: &mut Value, name: &str, value: Value) -> Option<()> {
    *policy.get_mut(name)? = value;
    Some(())
}
