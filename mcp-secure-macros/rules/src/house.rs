//! House rules: what a workspace demands beyond the built-in rules, in `mcp-secure.toml` at its root.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::codes::Code;
use crate::declaration::{CONTROLS, Facts, Fault, Risk};
use crate::names::{nearest, permission_fault, suggestion};

/// The name of the file.
pub const FILE_NAME: &str = "mcp-secure.toml";

/// What the house demands. The default demands nothing.
///
/// ```
/// let house = mcp_secure_rules::house::HouseRules::parse("max_risk = \"high\"\n[require]\nowner = true").unwrap();
/// assert!(house.require_owner);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HouseRules {
    /// Every tool names its owner.
    pub require_owner: bool,
    /// Every tool names its version.
    pub require_version: bool,
    /// The permissions there are; `None` where there is no catalogue.
    pub permissions: Option<Vec<String>>,
    /// The highest risk.
    pub max_risk: Option<Risk>,
    /// The controls that each risk needs, all of them.
    pub controls: BTreeMap<Risk, Vec<&'static str>>,
}

const KEYS: [&str; 4] = ["max_risk", "permissions", "require", "controls"];

impl HouseRules {
    /// Reads the file's text. An empty text demands nothing.
    ///
    /// # Errors
    /// Every fault of the file, in words: unknown keys are faults, for a misspelt rule would silently not hold.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let message = error.message().replace('\n', " ");
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map(|before| before.matches('\n').count() + 1);
            vec![line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"))]
        })?;
        let mut rules = Self::default();
        let mut faults = Vec::new();
        for (key, value) in &table {
            match key.as_str() {
                "max_risk" => rules.max_risk = read_risk(value, &mut faults),
                "permissions" => rules.permissions = Some(read_permissions(value, &mut faults)),
                "require" => rules.read_require(value, &mut faults),
                "controls" => rules.read_controls(value, &mut faults),
                unknown => {
                    faults.push(format!("unknown key `{unknown}`{}", suggestion(unknown, KEYS)));
                }
            }
        }
        if faults.is_empty() { Ok(rules) } else { Err(faults) }
    }

    fn read_require(&mut self, value: &Value, faults: &mut Vec<String>) {
        let Some(table) = value.as_table() else {
            return faults.push("`require` is a table, as `[require]`".to_owned());
        };
        for (key, value) in table {
            let slot = match key.as_str() {
                "owner" => &mut self.require_owner,
                "version" => &mut self.require_version,
                unknown => {
                    let near = suggestion(unknown, ["owner", "version"]);
                    faults.push(format!("unknown key `{unknown}` in `[require]`{near}"));
                    continue;
                }
            };
            match value.as_bool() {
                Some(required) => *slot = required,
                None => faults.push(format!("`{key}` in `[require]` is `true` or `false`")),
            }
        }
    }

    fn read_controls(&mut self, value: &Value, faults: &mut Vec<String>) {
        let Some(table) = value.as_table() else {
            return faults.push("`controls` is a table, as `[controls]`".to_owned());
        };
        for (key, value) in table {
            let Some(risk) = Risk::parse(key) else {
                let near = suggestion(key, Risk::ALL.map(Risk::as_str));
                faults.push(format!("unknown risk `{key}` in `[controls]`{near}"));
                continue;
            };
            let mut controls = Vec::new();
            for name in strings(value, &format!("`{key}` in `[controls]`"), faults) {
                match CONTROLS.into_iter().find(|control| *control == name) {
                    Some(control) => controls.push(control),
                    None => faults.push(format!(
                        "unknown control `{name}` in `[controls]`{}",
                        suggestion(name, CONTROLS)
                    )),
                }
            }
            self.controls.insert(risk, controls);
        }
    }

    /// What the declaration lacks to satisfy the house.
    #[must_use]
    pub fn check(&self, facts: &Facts<'_>) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut push = |code, about: &'static [&'static str], message: String| {
            faults.push(Fault {
                code,
                at: about.first().copied().unwrap_or_default(),
                about,
                message,
            });
        };
        let kind = facts.kind.as_str();
        if self.require_owner && facts.owner.is_none() {
            push(
                Code::HOUSE_OWNER,
                &["", "owner"],
                format!("the house rules want an owner for each {kind}: add `owner = \"team\"`"),
            );
        }
        if self.require_version && facts.version.is_none() {
            push(
                Code::HOUSE_VERSION,
                &["", "version"],
                format!(
                    "the house rules want a version for each {kind}: add `version = \"1.0.0\"`"
                ),
            );
        }
        let named: [(Option<&str>, &'static [&'static str]); 3] = [
            (facts.permission, &["permission"]),
            (facts.approval.and_then(|approval| approval.by), &["approval.by"]),
            (facts.rollback_permission, &["rollback.permission"]),
        ];
        for (permission, about) in named {
            if let (Some(permission), Some(known)) = (permission, &self.permissions)
                // A malformed one has its own fault already.
                && permission_fault(permission).is_none()
                && !known.iter().any(|known| known == permission)
            {
                let near = nearest(permission, known.iter().map(String::as_str)).map_or_else(
                    || format!("add it to `permissions` in `{FILE_NAME}`"),
                    |near| format!("did you mean `{near}`?"),
                );
                push(
                    Code::HOUSE_PERMISSION,
                    about,
                    format!("`{permission}` is not in the house catalogue, {near}"),
                );
            }
        }
        let Some(risk) = facts.risk else { return faults };
        if let Some(max) = self.max_risk
            && risk > max
        {
            push(
                Code::HOUSE_RISK,
                &["risk"],
                format!(
                    "the house rules allow at most `{}`: split the {kind}, or raise `max_risk` in `{FILE_NAME}`",
                    max.as_str()
                ),
            );
        }
        if facts.read_only {
            return faults;
        }
        for control in self.controls.get(&risk).into_iter().flatten() {
            let (given, about): (bool, &'static [&'static str]) = match *control {
                "approval" => (facts.approval.is_some(), &["risk", "approval"]),
                "dry_run" => (facts.dry_run, &["risk", "dry_run"]),
                "idempotency" => (facts.idempotency, &["risk", "idempotency"]),
                "rollback" => (facts.rollback, &["risk", "rollback"]),
                "rate_limit" => (facts.rate_limit, &["risk", "rate_limit"]),
                _ => (facts.resource, &["risk", "resource"]),
            };
            if !given {
                push(
                    Code::HOUSE_CONTROL,
                    about,
                    format!(
                        "the house rules want `{control}` on a {kind} of {} risk: add it",
                        risk.as_str()
                    ),
                );
            }
        }
        faults
    }
}

fn read_risk(value: &Value, faults: &mut Vec<String>) -> Option<Risk> {
    let risk = value.as_str().and_then(Risk::parse);
    if risk.is_none() {
        faults
            .push("`max_risk` is `\"low\"`, `\"medium\"`, `\"high\"` or `\"critical\"`".to_owned());
    }
    risk
}

fn read_permissions(value: &Value, faults: &mut Vec<String>) -> Vec<String> {
    let mut permissions = Vec::new();
    for permission in strings(value, "`permissions`", faults) {
        match permission_fault(permission) {
            Some(fault) => faults.push(format!("`{permission}` in `permissions`: {fault}")),
            None => permissions.push(permission.to_owned()),
        }
    }
    permissions
}

fn strings<'a>(value: &'a Value, what: &str, faults: &mut Vec<String>) -> Vec<&'a str> {
    let list: Option<Vec<&str>> =
        value.as_array().and_then(|items| items.iter().map(Value::as_str).collect());
    list.unwrap_or_else(|| {
        faults.push(format!("{what} is a list of texts"));
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declaration::{ApprovalFacts, Kind};

    const FULL: &str = r#"
        max_risk = "high"
        permissions = ["refund.request", "refund.approve"]
        [require]
        owner = true
        version = true
        [controls]
        high = ["approval", "idempotency"]
    "#;

    fn refund() -> Facts<'static> {
        let mut facts = Facts::bare(Kind::Tool, "request_refund", "Request a refund.");
        facts.risk = Some(Risk::High);
        facts.permission = Some("refund.request");
        facts.approval = Some(ApprovalFacts::default());
        facts.idempotency = true;
        facts.owner = Some("payments");
        facts.version = Some("1.0.0");
        facts
    }

    fn codes(facts: &Facts<'_>) -> Vec<Code> {
        HouseRules::parse(FULL).unwrap().check(facts).into_iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn an_empty_file_demands_nothing() {
        let house = HouseRules::parse("").unwrap();
        assert_eq!(house, HouseRules::default());
        assert_eq!(house.check(&Facts::bare(Kind::Tool, "t", "d")), []);
    }

    #[test]
    fn the_house_gets_what_it_demands() {
        assert_eq!(codes(&refund()), []);
        assert_eq!(codes(&Facts { owner: None, ..refund() }), [Code::HOUSE_OWNER]);
        assert_eq!(codes(&Facts { version: None, ..refund() }), [Code::HOUSE_VERSION]);
        assert_eq!(
            codes(&Facts { permission: Some("refund.requests"), ..refund() }),
            [Code::HOUSE_PERMISSION]
        );
        assert_eq!(codes(&Facts { risk: Some(Risk::Critical), ..refund() }), [Code::HOUSE_RISK]);
        assert_eq!(
            codes(&Facts { approval: None, idempotency: false, ..refund() }),
            [Code::HOUSE_CONTROL; 2]
        );
        assert_eq!(codes(&Facts { risk: Some(Risk::Medium), approval: None, ..refund() }), []);
    }

    #[test]
    fn every_fault_of_the_file_is_named_at_once() {
        let faults = HouseRules::parse(
            "max_risks = \"high\"\npermissions = [\"Refund\"]\n[require]\nowners = true\nversion = 1\n[controls]\nhigher = []\nlow = [\"aproval\"]",
        )
        .unwrap_err();
        let all = faults.join("\n");
        assert_eq!(faults.len(), 6, "{all}");
        for part in [
            "did you mean `max_risk`?",
            "`Refund`",
            "did you mean `owner`?",
            "`version`",
            "`higher`",
            "did you mean `approval`?",
        ] {
            assert!(all.contains(part), "{part} in {all}");
        }
    }

    #[test]
    fn a_file_that_is_no_toml_is_a_fault_with_its_line() {
        let faults = HouseRules::parse("max_risk = \"high\"\nowner =").unwrap_err();
        assert!(faults[0].starts_with("line 2: "), "{faults:?}");
    }
}
