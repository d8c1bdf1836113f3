//! The Cedar schema, made from the tools. Made here because policies can then name nothing the tools do not have.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{EntityTypeName, Schema, SchemaFragment};
use serde_json::{Map, Value, json};

use super::facts::{Act, ActionFacts, ResourceFacts};
use super::shape::{Attribute, Record, Shape};
use super::{PolicyFault, entities};

/// The entity types of our own. A resource cannot take one of their names.
const OWN_TYPES: [&str; 6] = ["User", "Role", "Scope", "Tenant", "Application", "Action"];

/// The schema, and the shape of every resource type, by which values are converted.
pub(super) struct Built {
    pub(super) schema: Schema,
    pub(super) json: Value,
    pub(super) resources: BTreeMap<String, Record>,
}

pub(super) fn build(facts: &[ActionFacts]) -> Result<Built, Vec<PolicyFault>> {
    let mut faults = Vec::new();
    let resources = resource_types(facts, &mut faults);
    check_names(facts, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let json = json!({"": {
        "entityTypes": entity_types(&resources),
        "actions": actions(facts),
    }});
    match Schema::from_json_value(json.clone()) {
        Ok(schema) => Ok(Built { schema, json, resources }),
        Err(e) => Err(vec![PolicyFault::new(format!("the tools make no Cedar schema: {e}"))]),
    }
}

/// The schema in Cedar's own syntax, for people.
pub(super) fn text(json: &Value) -> String {
    SchemaFragment::from_json_value(json.clone())
        .ok()
        .and_then(|fragment| fragment.to_cedarschema().ok())
        .unwrap_or_else(|| json.to_string())
}

fn resource_types(
    facts: &[ActionFacts],
    faults: &mut Vec<PolicyFault>,
) -> BTreeMap<String, Record> {
    let mut types: BTreeMap<String, Record> = BTreeMap::new();
    for resource in facts.iter().filter_map(|f| f.resource.as_ref()) {
        let name = &resource.type_name;
        if OWN_TYPES.contains(&name.as_str()) {
            let fault = PolicyFault::new(format!("no resource type can be called `{name}`"));
            faults.push(fault.help("policies know that name already; call it another"));
            continue;
        }
        if name.contains("::") || name.parse::<EntityTypeName>().is_err() {
            let fault = PolicyFault::new(format!("`{}` is no entity type", name.escape_debug()));
            faults.push(fault.help("use a name such as `Order`"));
            continue;
        }
        let record = attributes(resource, faults);
        if types.insert(name.clone(), record.clone()).is_some_and(|before| before != record) {
            let text = format!("two tools give the resource type `{name}` different attributes");
            faults.push(PolicyFault::new(text));
        }
    }
    types
}

fn attributes(resource: &ResourceFacts, faults: &mut Vec<PolicyFault>) -> Record {
    let mut record = Record::default();
    for (name, word) in &resource.attributes {
        let (kind, required) = word.strip_suffix('?').map_or((word.as_str(), true), |k| (k, false));
        let owner = &resource.type_name;
        let Some(shape) = Shape::from_word(kind) else {
            let text = format!("attribute `{name}` of `{owner}` has the unknown kind `{word}`");
            let help = "the kinds are `String`, `Long`, `Bool`, `Set<String>`, `Set<Long>`, with `?` where it may be absent";
            faults.push(PolicyFault::new(text).help(help));
            continue;
        };
        // The tenant is always there, and is what was compared in code.
        if name == "tenant" {
            continue;
        }
        if record.0.insert(name.clone(), Attribute { shape, required }).is_some() {
            faults
                .push(PolicyFault::new(format!("attribute `{name}` of `{owner}` is listed twice")));
        }
    }
    record
}

/// An action and a group of one id would be one entity: whoever has the permission would have the tool.
fn check_names(facts: &[ActionFacts], faults: &mut Vec<PolicyFault>) {
    let groups: BTreeSet<&str> =
        Act::ALL.iter().flat_map(|act| facts.iter().filter_map(|f| f.group(*act))).collect();
    let mut ids = BTreeSet::new();
    for fact in facts {
        for act in Act::ALL {
            if !fact.has(act) {
                continue;
            }
            let id = act.id(&fact.tool);
            if groups.contains(id.as_str()) {
                let text = format!("`{id}` is both a tool and a permission");
                faults.push(
                    PolicyFault::new(text)
                        .help("policies could not tell them apart; rename the tool"),
                );
            }
            if !ids.insert(id.clone()) {
                faults.push(PolicyFault::new(format!("two tools are called `{}`", fact.tool)));
            }
        }
    }
}

fn entity_types(resources: &BTreeMap<String, Record>) -> Value {
    let mut types = Map::new();
    for group in ["Role", "Scope", "Tenant"] {
        types.insert(group.to_owned(), json!({}));
    }
    let user = entities::user_shape().to_schema();
    let parents = ["Role", "Scope", "Tenant"];
    types.insert("User".to_owned(), json!({"memberOfTypes": parents, "shape": user}));
    let mut application = Record::default();
    with_tenant(&mut application);
    let shape = application.to_schema();
    types.insert("Application".to_owned(), json!({"memberOfTypes": ["Tenant"], "shape": shape}));
    for (name, record) in resources {
        let mut record = record.clone();
        with_tenant(&mut record);
        let shape = record.to_schema();
        types.insert(name.clone(), json!({"memberOfTypes": ["Tenant"], "shape": shape}));
    }
    Value::Object(types)
}

fn with_tenant(record: &mut Record) {
    record.0.insert("tenant".to_owned(), Attribute { shape: Shape::String, required: true });
}

fn actions(facts: &[ActionFacts]) -> Value {
    let mut actions = Map::new();
    for fact in facts {
        for act in Act::ALL {
            if !fact.has(act) {
                continue;
            }
            let arguments = fact.arguments(act).to_schema();
            let group = fact.group(act);
            let mut context = json!({
                "args": arguments,
                "client": {"type": "String"},
                "risk": {"type": "String"},
                "now": {"type": "Extension", "name": "datetime"},
            });
            if let (true, Some(context)) = (act.has_requester(), context.as_object_mut()) {
                context.insert("requester".to_owned(), entities::requester_shape().to_schema());
            }
            let resource = fact.resource(act).map_or("Application", |r| r.type_name.as_str());
            let member_of: Vec<Value> = group.into_iter().map(|g| json!({"id": g})).collect();
            let action = json!({
                "memberOf": member_of,
                "appliesTo": {
                    "principalTypes": ["User"],
                    "resourceTypes": [resource],
                    "context": {"type": "Record", "attributes": context},
                },
            });
            actions.insert(act.id(&fact.tool), action);
            if let Some(group) = group {
                actions.entry(group).or_insert_with(|| json!({}));
            }
        }
    }
    Value::Object(actions)
}
