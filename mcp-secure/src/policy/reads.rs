//! What the policies of one action read. What none of them reads need not be expressed at every call.

use std::collections::BTreeSet;

use cedar_policy::PolicySet;
use serde_json::Value;

/// May say yes for what is not read, and never no for what is.
#[derive(Debug)]
pub(super) struct Reads {
    context: Fields,
    resource: Fields,
    /// Whether it matters which resource it is, and not only what it holds.
    identity: bool,
}

/// The attributes of one variable.
#[derive(Debug)]
enum Fields {
    These(BTreeSet<String>),
    /// The variable is used as a whole, or in a way that is not followed.
    All,
}

impl Reads {
    pub(super) const ALL: Self =
        Self { context: Fields::All, resource: Fields::All, identity: true };

    pub(super) fn of(policies: &PolicySet) -> Self {
        let mut reads = Self {
            context: Fields::These(BTreeSet::new()),
            resource: Fields::These(BTreeSet::new()),
            identity: false,
        };
        for policy in policies.policies() {
            match policy.to_json() {
                Ok(Value::Object(parts)) => {
                    let (Some(scope), Some(conditions)) =
                        (parts.get("resource"), parts.get("conditions"))
                    else {
                        return Self::ALL;
                    };
                    reads.identity |= !any_of_a_type(scope);
                    reads.follow(conditions);
                }
                _ => return Self::ALL,
            }
        }
        reads
    }

    pub(super) fn context(&self, field: &str) -> bool {
        self.context.has(field)
    }

    pub(super) fn resource(&self, field: &str) -> bool {
        self.resource.has(field)
    }

    pub(super) const fn identity(&self) -> bool {
        self.identity || matches!(self.resource, Fields::All)
    }

    /// Cedar's JSON form: `{".": {"left": {"Var": "context"}, "attr": "args"}}`, and `has` likewise. A variable that
    /// stands anywhere else counts as read whole.
    fn follow(&mut self, node: &Value) {
        match node {
            Value::Array(items) => items.iter().for_each(|item| self.follow(item)),
            Value::Object(members) => {
                for (name, inner) in members {
                    if let (true, Some((variable, field))) =
                        (matches!(name.as_str(), "." | "has"), access(inner))
                    {
                        self.of_variable(variable, Some(field));
                        continue;
                    }
                    if let ("Var", Value::String(variable)) = (name.as_str(), inner) {
                        self.of_variable(variable, None);
                    }
                    // An entity by its name may be the very resource, and whatever is asked of it is asked of that.
                    if name == "__entity" && !is_group(inner) {
                        self.of_variable("resource", None);
                    }
                    self.follow(inner);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn of_variable(&mut self, variable: &str, field: Option<&str>) {
        let fields = match variable {
            "context" => &mut self.context,
            "resource" => &mut self.resource,
            _ => return,
        };
        match (field, fields) {
            (Some(field), Fields::These(these)) => {
                these.insert(field.to_owned());
            }
            (None, fields) => *fields = Fields::All,
            (Some(_), Fields::All) => {}
        }
    }
}

/// Whether a resource scope takes any resource, or any of a type. Those with `==` or `in` tell resources apart.
fn any_of_a_type(scope: &Value) -> bool {
    match scope.get("op").and_then(Value::as_str) {
        Some("All") => true,
        Some("is") => scope.get("in").is_none(),
        _ => false,
    }
}

/// Whether it is of our own types that are never a resource.
fn is_group(entity: &Value) -> bool {
    let of_type = entity.get("type").and_then(Value::as_str);
    matches!(of_type, Some("Role" | "Scope" | "Action" | "User"))
}

impl Fields {
    fn has(&self, field: &str) -> bool {
        match self {
            Self::These(these) => these.contains(field),
            Self::All => true,
        }
    }
}

/// The variable and its attribute, if that is all there is.
fn access(inner: &Value) -> Option<(&str, &str)> {
    let inner = inner.as_object().filter(|members| members.len() == 2)?;
    let left = inner.get("left")?.as_object().filter(|members| members.len() == 1)?;
    Some((left.get("Var")?.as_str()?, inner.get("attr")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(condition: &str) -> Reads {
        let text = format!("forbid(principal, action, resource) when {{ {condition} }};");
        Reads::of(&text.parse().unwrap())
    }

    #[test]
    fn what_a_policy_reads_is_never_left_out() {
        for (condition, context, resource) in [
            ("context.args.limit > 5", &["args"][..], &[][..]),
            ("context has now && context.now > datetime(\"2000-01-01\")", &["now"], &[]),
            ("context[\"args\"][\"limit\"] > 1", &["args"], &[]),
            // A path of attributes is not followed.
            ("context has args.limit", &["args", "client", "risk", "now", "x"], &[]),
            (
                "resource[\"status\"] == \"paid\" && principal.tenant == resource.tenant",
                &[],
                &["status", "tenant"],
            ),
            ("context == {\"args\": {}}", &["args", "client", "risk", "now", "x"], &[]),
            ("{\"a\": context}.a.args.limit == 1", &["args", "client", "risk", "now", "x"], &[]),
            (
                "(if principal.tenant == \"a\" then resource else resource).status == \"paid\"",
                &[],
                &["status", "x"],
            ),
            ("[resource].contains(resource)", &[], &["status", "x"]),
            ("!(resource.tags.contains(context.client))", &["client"], &["tags"]),
            ("resource like \"context.args\" || \"context\" == \"resource\"", &[], &["x"]),
        ] {
            // `like` on an entity does not check, but it parses, and what parses is followed.
            let reads = reads(condition);
            for field in ["args", "client", "risk", "now", "x"] {
                assert_eq!(reads.context(field), context.contains(&field), "{condition}: {field}");
            }
            for field in ["status", "tenant", "tags", "x"] {
                let wanted = resource.contains(&field) || resource.contains(&"x");
                assert_eq!(reads.resource(field), wanted, "{condition}: {field}");
            }
        }
    }
}
