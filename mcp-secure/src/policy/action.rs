//! One action, ready to be asked about: its own policies, its own types, its listing rule.

use std::collections::HashSet;

use cedar_policy::{
    ActionConstraint, Effect, Entity, EntityTypeName, EntityUid, Policy, PolicySet,
    PrincipalConstraint,
};

use super::known::Known;
use super::reads::Reads;
use super::settled::Split;
use super::shape::Record;
use crate::identity::Principal;

/// What authorisation of one action needs, made when the policies are loaded.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) uid: EntityUid,
    /// The action with the groups it is in.
    pub(super) entity: Entity,
    /// The policies whose scope can match this action, and no others.
    pub(super) policies: PolicySet,
    pub(super) public: bool,
    pub(super) risk: &'static str,
    pub(super) resource: ResourceShape,
    pub(super) arguments: Record,
    /// The same policies taken apart, where that can be done.
    pub(super) split: Option<Split>,
    /// What its policies read of a call.
    pub(super) reads: Reads,
    /// Who its permits can be about.
    pub(super) permits: Vec<Whom>,
    pub(super) known: Known,
}

/// What the action is done on.
#[derive(Debug)]
pub(super) enum ResourceShape {
    /// The server itself, for tools that name no resource.
    Application(EntityUid),
    /// A resource of this type.
    Of { type_name: String, entity_type: EntityTypeName, attributes: Record },
}

/// The principals a scope can match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whom {
    Anybody,
    Account(String),
    Role(String),
    Scope(String),
    Tenant(String),
    Nobody,
}

/// The policies whose action scope can match an action in these groups. A superset would do; a missing one would not.
pub(super) fn relevant<'a>(
    policies: &'a [Policy],
    uid: &EntityUid,
    groups: &HashSet<EntityUid>,
) -> impl Iterator<Item = &'a Policy> {
    policies.iter().filter(move |policy| match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(one) => one == *uid,
        ActionConstraint::In(any) => any.iter().any(|one| one == uid || groups.contains(one)),
    })
}

/// Who the permits among `policies` can be about.
pub(super) fn permits(policies: &PolicySet) -> Vec<Whom> {
    let mut found: Vec<Whom> = Vec::new();
    for policy in policies.policies().filter(|p| p.effect() == Effect::Permit) {
        let whom = match policy.principal_constraint() {
            PrincipalConstraint::Any => Whom::Anybody,
            PrincipalConstraint::Is(of_type) => of_user_type(&of_type, Whom::Anybody),
            PrincipalConstraint::Eq(one) => match in_group(&one) {
                account @ Whom::Account(_) => account,
                _ => Whom::Nobody,
            },
            PrincipalConstraint::In(group) => in_group(&group),
            PrincipalConstraint::IsIn(of_type, group) => of_user_type(&of_type, in_group(&group)),
        };
        if !found.contains(&whom) {
            found.push(whom);
        }
    }
    found
}

fn of_user_type(of_type: &EntityTypeName, whom: Whom) -> Whom {
    if of_type.to_string() == "User" { whom } else { Whom::Nobody }
}

fn in_group(group: &EntityUid) -> Whom {
    let id = group.id().unescaped().to_owned();
    match group.type_name().to_string().as_str() {
        "User" => Whom::Account(id),
        "Role" => Whom::Role(id),
        "Scope" => Whom::Scope(id),
        "Tenant" => Whom::Tenant(id),
        _ => Whom::Nobody,
    }
}

impl Whom {
    /// Whether the principal is one of them.
    pub(super) fn matches(&self, principal: &Principal) -> bool {
        match self {
            Self::Anybody => true,
            Self::Account(account) => {
                account.strip_prefix(&principal.issuer).and_then(|rest| rest.strip_prefix('|'))
                    == Some(&principal.subject)
            }
            Self::Role(role) => principal.roles.contains(role),
            Self::Scope(scope) => principal.scopes.contains(scope),
            Self::Tenant(tenant) => principal.tenant == *tenant,
            Self::Nobody => false,
        }
    }
}
