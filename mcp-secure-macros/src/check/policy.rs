//! R1, R2, R3, R11 and the house rules: judged over plain facts, shown at the key that is wrong.

use mcp_secure_rules::declaration::{self, ApprovalFacts, Facts, Fault, Kind, Risk};

use crate::diagnostics::{Faults, Place};
use crate::house::House;
use crate::read::attribute::Raw;
use crate::read::docs::Docs;
use crate::read::value::{Slot, Text};

/// The facts of the attribute. For resources and prompts the risk is low and the body read-only unless said otherwise.
pub(crate) fn facts<'a>(kind: Kind, raw: &'a Raw, name: &'a str, docs: &'a Docs) -> Facts<'a> {
    let implied = kind != Kind::Tool;
    let read_only = implied || raw.read_only.get().copied().unwrap_or(false);
    let approval = raw.approval.get();
    let rollback = raw.rollback.get();
    Facts {
        title: text(&raw.title),
        risk: raw.risk.get().copied().or(implied.then_some(Risk::Low)),
        permission: text(&raw.permission),
        public: raw.public.is_given(),
        resource: raw.resource.is_given(),
        approval: approval.map(|approval| ApprovalFacts {
            by: text(&approval.by),
            when: approval.when.is_given(),
            allow_requester: approval.allow_requester.is_given(),
        }),
        read_only,
        destructive: raw.destructive.get().copied().unwrap_or(!read_only),
        idempotent: raw.idempotent.get().copied(),
        dry_run: raw.dry_run.is_given(),
        idempotency: raw.idempotency.is_given(),
        rollback: rollback.is_some(),
        rollback_permission: rollback.and_then(|rollback| text(&rollback.permission)),
        irreversible: raw.irreversible.is_given(),
        rate_limit: raw.rate_limit.is_given(),
        owner: text(&raw.owner),
        version: text(&raw.version),
        ..Facts::bare(kind, name, &docs.text)
    }
}

fn text(slot: &Slot<Text>) -> Option<&str> {
    slot.get().map(|text| text.value.as_str())
}

/// Judges the facts. `whole` is where a fault of the declaration as a whole is shown.
pub(crate) fn check(
    raw: &Raw,
    docs: &Docs,
    facts: &Facts<'_>,
    house: &House,
    whole: Place,
    faults: &mut Faults,
) {
    // A key that could not even be found may be the very one that is missing.
    if raw.unreadable {
        return;
    }
    let found = declaration::check(facts).into_iter().chain(house.check(facts));
    for Fault { code, at, about, message } in found {
        if !about.iter().any(|key| is_unknown(raw, docs, key)) {
            faults.push(code, place(raw, at).unwrap_or(whole), message);
        }
    }
}

/// Whether a key was given in a form that could not be read, so that nothing can be said about it.
fn is_unknown(raw: &Raw, docs: &Docs, key: &str) -> bool {
    let faulty = match key {
        "risk" => raw.risk.is_faulty(),
        "permission" => raw.permission.is_faulty(),
        "public" => raw.public.is_faulty(),
        "resource" => raw.resource.is_faulty(),
        "approval" => raw.approval.is_faulty(),
        "read_only" => raw.read_only.is_faulty(),
        "destructive" => raw.destructive.is_faulty(),
        "idempotent" => raw.idempotent.is_faulty(),
        "dry_run" => raw.dry_run.is_faulty(),
        "idempotency" => raw.idempotency.is_faulty(),
        "rollback" => raw.rollback.is_faulty(),
        "irreversible" => raw.irreversible.is_faulty(),
        "rate_limit" => raw.rate_limit.is_faulty(),
        "owner" => raw.owner.is_faulty(),
        "version" => raw.version.is_faulty(),
        "name" => raw.name.is_faulty(),
        "doc" => docs.faulty,
        _ => false,
    };
    faulty || raw.guessed.contains(&key)
}

/// Where a key's value stands.
fn place(raw: &Raw, key: &str) -> Option<Place> {
    let approval = raw.approval.get();
    match key {
        "risk" => raw.risk.place(),
        "permission" => raw.permission.place(),
        "public" => raw.public.place(),
        "resource" => raw.resource.key().map(Place::from),
        "approval" => raw.approval.key().map(Place::from),
        "approval.by" => approval.and_then(|approval| approval.by.place()),
        "approval.when" => approval.and_then(|approval| approval.when.key().map(Place::from)),
        "approval.allow_requester" => {
            approval.and_then(|approval| approval.allow_requester.place())
        }
        "destructive" => raw.destructive.key().map(Place::from),
        "idempotent" => raw.idempotent.key().map(Place::from),
        "dry_run" => raw.dry_run.key().map(Place::from),
        "idempotency" => raw.idempotency.key().map(Place::from),
        "rollback" => raw.rollback.key().map(Place::from),
        "rollback.permission" => {
            raw.rollback.get().and_then(|rollback| rollback.permission.place())
        }
        "irreversible" => raw.irreversible.place(),
        "name" => raw.name.place(),
        _ => None,
    }
}
