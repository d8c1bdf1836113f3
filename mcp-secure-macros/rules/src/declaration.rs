//! R1, R2, R3 and R11 over plain facts, so that the macro and the start-up check cannot disagree.

use crate::codes::Code;
use crate::names::{name_fault, permission_fault};
use crate::text::{Place, TextFault, lint};

/// How much harm a call can do, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Risk {
    /// Reading, or writing what nobody depends on.
    Low,
    /// Changes that are noticed and put right easily.
    Medium,
    /// Changes to money, data or trust.
    High,
    /// Changes nobody can take back.
    Critical,
}

impl Risk {
    /// All four, from least to most.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word in the attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The risk a word stands for.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|risk| risk.as_str() == word)
    }
}

/// What kind of thing is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A tool.
    Tool,
    /// A resource template.
    Resource,
    /// A prompt.
    Prompt,
}

impl Kind {
    /// The word in messages, which is the attribute's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
        }
    }
}

/// The facts of an approval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ApprovalFacts<'a> {
    /// The deciders' permission, if stated.
    pub by: Option<&'a str>,
    /// Whether a predicate may let a call through unapproved.
    pub when: bool,
    /// Whether the requester may decide.
    pub allow_requester: bool,
}

/// One declaration, as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of the attribute, each with its own meaning"
)]
pub struct Facts<'a> {
    /// Tool, resource or prompt.
    pub kind: Kind,
    /// The name a client calls.
    pub name: &'a str,
    /// A title for people.
    pub title: Option<&'a str>,
    /// The doc comment.
    pub description: &'a str,
    /// The risk, if stated.
    pub risk: Option<Risk>,
    /// The permission, if stated.
    pub permission: Option<&'a str>,
    /// The waiver of a permission.
    pub public: bool,
    /// Whether a resource scopes the permission.
    pub resource: bool,
    /// The approval, if there is one.
    pub approval: Option<ApprovalFacts<'a>>,
    /// The annotation in effect.
    pub read_only: bool,
    /// The annotation in effect: what is not read-only is destructive unless it says otherwise.
    pub destructive: bool,
    /// The annotation as stated; `None` where nothing was stated.
    pub idempotent: Option<bool>,
    /// Whether there is a preview.
    pub dry_run: bool,
    /// Whether repeated calls are replayed.
    pub idempotency: bool,
    /// Whether there is a rollback.
    pub rollback: bool,
    /// The permission to roll back, if stated.
    pub rollback_permission: Option<&'a str>,
    /// Said aloud: there is no way back.
    pub irreversible: bool,
    /// Whether there is a rate limit.
    pub rate_limit: bool,
    /// Who answers for it, if stated.
    pub owner: Option<&'a str>,
    /// Its version, if stated.
    pub version: Option<&'a str>,
}

impl<'a> Facts<'a> {
    /// The facts of a declaration that states nothing but its kind, name and purpose.
    #[must_use]
    pub const fn bare(kind: Kind, name: &'a str, description: &'a str) -> Self {
        Self {
            kind,
            name,
            title: None,
            description,
            risk: None,
            permission: None,
            public: false,
            resource: false,
            approval: None,
            read_only: false,
            destructive: true,
            idempotent: None,
            dry_run: false,
            idempotency: false,
            rollback: false,
            rollback_permission: None,
            irreversible: false,
            rate_limit: false,
            owner: None,
            version: None,
        }
    }
}

/// One fault of a declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub code: Code,
    /// The key at fault, as `approval.by`; empty for the declaration as a whole.
    pub at: &'static str,
    /// Every key that the verdict rests on. If one of them could not be read, the fault may not be one.
    pub about: &'static [&'static str],
    /// The message, without the code.
    pub message: String,
}

/// The keys that count as a control of a dangerous tool.
pub const CONTROLS: [&str; 6] =
    ["approval", "dry_run", "idempotency", "rollback", "rate_limit", "resource"];

/// R1, R2, R3 and R11: every fault of the declaration.
///
/// ```
/// use mcp_secure_rules::declaration::{ApprovalFacts, Facts, Kind, Risk, check};
/// let mut facts = Facts::bare(Kind::Tool, "request_refund", "Request a refund.");
/// facts.risk = Some(Risk::High);
/// facts.permission = Some("refund.request");
/// assert_eq!(check(&facts).len(), 1); // no control
/// facts.approval = Some(ApprovalFacts::default());
/// assert!(check(&facts).is_empty());
/// ```
#[must_use]
pub fn check(facts: &Facts<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    presence(facts, &mut faults);
    controls(facts, &mut faults);
    contradictions(facts, &mut faults);
    forms(facts, &mut faults);
    faults
}

/// R10 over the title and the description, for declarations that no macro has linted.
#[must_use]
pub fn check_texts(facts: &Facts<'_>) -> Vec<TextFault> {
    let mut faults = lint(facts.description, Place::Description);
    faults.extend(facts.title.map(|title| lint(title, Place::Title)).unwrap_or_default());
    faults
}

fn push(faults: &mut Vec<Fault>, code: Code, about: &'static [&'static str], message: String) {
    let at = about.first().copied().unwrap_or_default();
    faults.push(Fault { code, at, about, message });
}

fn presence(facts: &Facts<'_>, faults: &mut Vec<Fault>) {
    let (kind, name) = (facts.kind.as_str(), facts.name);
    if facts.risk.is_none() {
        let message = format!(
            "{kind} `{name}` does not say its risk: add `risk = \"low\"`, `\"medium\"`, `\"high\"` or `\"critical\"`"
        );
        push(faults, Code::RISK_MISSING, &["", "risk"], message);
    }
    if facts.permission.is_none() && !facts.public {
        let message = format!(
            "{kind} `{name}` names no permission: add `permission = \"noun.verb\"`, or `public` if it is read-only and harmless"
        );
        push(faults, Code::ACCESS_MISSING, &["", "permission", "public"], message);
    }
    if facts.description.trim().is_empty() {
        let message =
            format!("{kind} `{name}` does not say what it is for: write a doc comment above it");
        push(faults, Code::PURPOSE_MISSING, &["", "doc"], message);
    }
}

fn controls(facts: &Facts<'_>, faults: &mut Vec<Fault>) {
    let critical = facts.risk == Some(Risk::Critical);
    if critical && facts.approval.is_none() {
        let message = "a critical tool is decided by a person: add `approval`".to_owned();
        push(faults, Code::CRITICAL_WITHOUT_APPROVAL, &["risk", "approval"], message);
    }
    if facts.read_only {
        return;
    }
    if critical && !facts.rollback && !facts.irreversible {
        let message =
            "a critical tool says what the way back is: add `rollback(path)`, or `irreversible`"
                .to_owned();
        push(
            faults,
            Code::CRITICAL_WITHOUT_WAY_BACK,
            &["risk", "rollback", "irreversible"],
            message,
        );
    }
    let controlled = facts.approval.is_some()
        || facts.dry_run
        || facts.idempotency
        || facts.rollback
        || facts.rate_limit
        || facts.resource;
    // A critical tool without any control hears of the missing approval, which is one.
    if controlled || critical {
        return;
    }
    let any = "`approval`, `dry_run`, `idempotency`, `rollback`, `rate_limit` or `resource`";
    let about: &[&str] = &[
        "risk",
        "approval",
        "dry_run",
        "idempotency",
        "rollback",
        "rate_limit",
        "resource",
        "read_only",
        "destructive",
    ];
    if let Some(risk @ Risk::High) = facts.risk {
        let message = format!("a tool of {} risk needs a control: add {any}", risk.as_str());
        push(faults, Code::CONTROL_MISSING, about, message);
    } else if facts.risk.is_some() && facts.destructive {
        let message = format!(
            "a tool that may destroy needs a control: add {any}, or say `read_only` or `destructive = false` if that is true"
        );
        push(faults, Code::CONTROL_MISSING, about, message);
    }
}

fn contradictions(facts: &Facts<'_>, faults: &mut Vec<Fault>) {
    if facts.read_only {
        read_only_contradictions(facts, faults);
    }
    if facts.public {
        public_contradictions(facts, faults);
    }
    if facts.idempotent == Some(false) && (facts.read_only || facts.idempotency) {
        let other = if facts.read_only { "read_only" } else { "idempotency" };
        let message = format!("`idempotent = false` contradicts `{other}`: remove it");
        push(faults, Code::IDEMPOTENT_DENIED, &["idempotent", "read_only", "idempotency"], message);
    }
    if facts.rollback && facts.irreversible {
        let message = "`irreversible` contradicts `rollback`: keep the one that is true".to_owned();
        push(faults, Code::ROLLBACK_IRREVERSIBLE, &["irreversible", "rollback"], message);
    }
    let Some(approval) = facts.approval else { return };
    if facts.risk == Some(Risk::Critical) {
        if approval.when {
            let message = "a critical tool is always decided by a person: remove `when`".to_owned();
            push(faults, Code::CRITICAL_WEAKENED_APPROVAL, &["approval.when", "risk"], message);
        }
        if approval.allow_requester {
            let message =
                "a critical tool is decided by somebody else: remove `allow_requester`".to_owned();
            push(
                faults,
                Code::CRITICAL_WEAKENED_APPROVAL,
                &["approval.allow_requester", "risk"],
                message,
            );
        }
    }
    if let Some(by) = approval.by
        && facts.permission == Some(by)
    {
        let message = format!(
            "`{by}` is the permission to call: whoever decides needs another one, as `{by}.approve`"
        );
        push(faults, Code::APPROVER_IS_CALLER, &["approval.by", "permission"], message);
    }
}

fn read_only_contradictions(facts: &Facts<'_>, faults: &mut Vec<Fault>) {
    if facts.destructive {
        let message =
            "`destructive` contradicts `read_only`: what cannot write cannot destroy".to_owned();
        push(faults, Code::READ_ONLY_DESTRUCTIVE, &["destructive", "read_only"], message);
    }
    let effects: [(bool, &'static [&'static str]); 4] = [
        (facts.rollback, &["rollback", "read_only"]),
        (facts.idempotency, &["idempotency", "read_only"]),
        (facts.dry_run, &["dry_run", "read_only"]),
        (facts.irreversible, &["irreversible", "read_only"]),
    ];
    for (stated, about) in effects {
        if stated {
            let key = about.first().copied().unwrap_or_default();
            let message = format!(
                "`{key}` contradicts `read_only`: what cannot write has no effect to speak of"
            );
            push(faults, Code::READ_ONLY_EFFECT_CONTROL, about, message);
        }
    }
}

fn public_contradictions(facts: &Facts<'_>, faults: &mut Vec<Fault>) {
    if facts.permission.is_some() {
        let message = "`public` contradicts `permission`: keep one of the two".to_owned();
        push(faults, Code::PUBLIC_WITH_PERMISSION, &["public", "permission"], message);
        return;
    }
    if !facts.read_only || facts.risk.is_some_and(|risk| risk > Risk::Low) {
        let message = "only a tool that is `read_only` and of `risk = \"low\"` may be `public`: name a `permission`".to_owned();
        push(faults, Code::PUBLIC_NOT_HARMLESS, &["public", "read_only", "risk"], message);
    }
    let checks: [(bool, &'static [&'static str]); 2] = [
        (facts.resource, &["resource", "public"]),
        (facts.approval.is_some(), &["approval", "public"]),
    ];
    for (stated, about) in checks {
        if stated {
            let key = about.first().copied().unwrap_or_default();
            let message = format!(
                "`{key}` contradicts `public`: there is no permission to check, so name a `permission`"
            );
            push(faults, Code::PUBLIC_WITH_POLICY, about, message);
        }
    }
}

fn forms(facts: &Facts<'_>, faults: &mut Vec<Fault>) {
    if let Some(fault) = name_fault(facts.name) {
        push(faults, Code::NAME, &["name"], fault);
    }
    let permissions: [(Option<&str>, &'static [&'static str]); 3] = [
        (facts.permission, &["permission"]),
        (facts.approval.and_then(|approval| approval.by), &["approval.by"]),
        (facts.rollback_permission, &["rollback.permission"]),
    ];
    for (permission, about) in permissions {
        if let Some(fault) = permission.and_then(|text| {
            permission_fault(text).map(|fault| format!("`{}`: {fault}", text.escape_debug()))
        }) {
            push(faults, Code::PERMISSION, about, fault);
        }
    }
}

#[cfg(test)]
mod tests;
