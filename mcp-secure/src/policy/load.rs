//! From texts to checked policies.

use std::collections::BTreeMap;

use cedar_policy::{
    Policy, PolicyId, PolicySet, Schema, ValidationMode, ValidationWarning, Validator,
};

use super::PolicyFault;
use super::fault::position;
use super::source::Source;

/// Parses every source and checks it against the schema. All faults at once.
pub(super) fn load(sources: &[Source], schema: &Schema) -> Result<Vec<Policy>, Vec<PolicyFault>> {
    let mut faults = Vec::new();
    let mut all: BTreeMap<String, Policy> = BTreeMap::new();
    for source in sources {
        let policies = match parse(source) {
            Ok(policies) => policies,
            Err(found) => {
                faults.extend(found);
                continue;
            }
        };
        check(&policies, source, schema, &mut faults);
        for policy in policies {
            let id = policy.id().to_string();
            if all.insert(id.clone(), policy).is_some() {
                let fault = PolicyFault::new(format!("two policies have the id `{id}`"));
                faults.push(fault.in_file(&source.name).help("give each its own `@id`"));
            }
        }
    }
    if faults.is_empty() { Ok(all.into_values().collect()) } else { Err(faults) }
}

/// The policies of one source, each with the id records show: its `@id`, or its file and line.
fn parse(source: &Source) -> Result<Vec<Policy>, Vec<PolicyFault>> {
    let (name, text) = (&source.name, &source.text);
    let set: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        errors.iter().map(|e| PolicyFault::of_cedar(e, name, text)).collect::<Vec<_>>()
    })?;
    if let Some(template) = set.templates().next() {
        // Nothing links it, so it would sit there and never apply.
        let offset = text.find(template.to_cedar().as_str()).unwrap_or(0);
        let fault = PolicyFault::new("a policy template is never linked, so it would never apply");
        let help = "write a policy without `?principal` and `?resource`";
        return Err(vec![fault.in_file(name).at(text, offset).help(help)]);
    }
    let mut policies: Vec<&Policy> = set.policies().collect();
    policies.sort_by_key(|policy| number(policy));
    let mut from = 0;
    let mut named = Vec::with_capacity(policies.len());
    for policy in policies {
        let written = policy.to_cedar().unwrap_or_default();
        let start =
            text.get(from..).and_then(|rest| rest.find(&written)).map_or(from, |i| from + i);
        from = start + written.len();
        let id = match policy.annotation("id") {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => format!("{name}:{}", position(text, start).0),
        };
        named.push((id, policy));
    }
    // Several on one line.
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let unique = named.into_iter().map(|(id, policy)| {
        let count = seen.entry(id.clone()).or_default();
        *count += 1;
        let by_line = policy.annotation("id").is_none_or(str::is_empty);
        let id = if *count > 1 && by_line { format!("{id}.{count}") } else { id };
        policy.new_id(PolicyId::new(id))
    });
    Ok(unique.collect())
}

/// Cedar numbers the policies of a text in order: `policy0`, `policy1`.
fn number(policy: &Policy) -> usize {
    policy.id().to_string().trim_start_matches("policy").parse().unwrap_or(usize::MAX)
}

/// Strict validation. Warnings are faults too: they tell of policies that could never apply, and of look-alike text.
fn check(policies: &[Policy], source: &Source, schema: &Schema, faults: &mut Vec<PolicyFault>) {
    let set = match PolicySet::from_policies(policies.iter().cloned()) {
        Ok(set) => set,
        Err(e) => {
            let fault = PolicyFault::new(e.to_string()).in_file(&source.name);
            faults.push(fault.help("give each policy its own `@id`"));
            return;
        }
    };
    let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    let before = faults.len();
    let mut told: Vec<&PolicyId> = Vec::new();
    for error in result.validation_errors() {
        told.push(error.policy_id());
        faults.push(PolicyFault::of_cedar(error, &source.name, &source.text));
    }
    // Each says more than the next: an unknown action also applies to nothing, and what applies to nothing is also
    // always false. One mistake, one message.
    let impossible = |w: &&ValidationWarning| matches!(w, ValidationWarning::ImpossiblePolicy(_));
    let warnings: Vec<&ValidationWarning> = result.validation_warnings().collect();
    let (last, first): (Vec<_>, Vec<_>) = warnings.into_iter().partition(impossible);
    for warning in first.into_iter().chain(last) {
        if told.contains(&warning.policy_id()) {
            continue;
        }
        told.push(warning.policy_id());
        let mut fault = PolicyFault::of_cedar(warning, &source.name, &source.text);
        if fault.help.is_none() {
            fault = fault.help("no call could ever match it; correct it or take it out");
        }
        faults.push(fault);
    }
    // One mistake shows up once for every action the policy applies to.
    if let Some(found) = faults.get_mut(before..) {
        found.sort_by(|a, b| (a.position, &a.message).cmp(&(b.position, &b.message)));
    }
    faults.dedup();
}
