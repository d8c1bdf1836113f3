//! What the engine is told: about the tools at start-up, about a call when it is asked.

use serde_json::{Map, Value};

use super::shape::Record;
use crate::clock::Timestamp;
use crate::identity::Principal;
use crate::resource::LoadedResource;
use crate::tool::spec::Risk;

/// One tool, as far as policies are concerned.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionFacts {
    /// The tool's name.
    pub tool: String,
    /// The permission to call it; `None` for a public tool.
    pub permission: Option<String>,
    /// The permission to decide on a call of it.
    pub decide: Option<String>,
    /// The permission to roll a call of it back.
    pub rollback: Option<String>,
    /// The permission to resolve a call of it that is in doubt.
    pub resolve: Option<String>,
    /// The permission to see the sensitive inputs of a request for approval.
    pub reveal: Option<String>,
    /// What the permission is checked on.
    pub resource: Option<ResourceFacts>,
    /// The JSON Schema of the arguments.
    pub arguments: Value,
    /// How much harm a call can do.
    pub risk: Risk,
}

/// A type of resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceFacts {
    /// The entity type, as `Order`.
    pub type_name: String,
    /// The attributes policies may name, with their kinds: `String`, `Long`, `Bool`, `Set<String>`, `Set<Long>`; a `?`
    /// at the end (`String?`) where it may be absent.
    pub attributes: Vec<(String, String)>,
}

/// What is done with a tool. Each is an action of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Calling it.
    Call,
    /// Deciding on somebody's call.
    Decide,
    /// Rolling somebody's call back.
    Rollback,
    /// Saying what became of somebody's call that is in doubt.
    Resolve,
    /// Seeing what is masked of somebody's request for approval.
    Reveal,
}

impl Act {
    pub(super) const ALL: [Self; 5] =
        [Self::Call, Self::Decide, Self::Rollback, Self::Resolve, Self::Reveal];

    /// The action's id in policies. A tool's name has no `:`, so no two acts share one.
    pub(super) fn id(self, tool: &str) -> String {
        match self {
            Self::Call => tool.to_owned(),
            Self::Decide => format!("decide:{tool}"),
            Self::Rollback => format!("rollback:{tool}"),
            Self::Resolve => format!("resolve:{tool}"),
            Self::Reveal => format!("reveal:{tool}"),
        }
    }

    pub(super) const fn position(self) -> usize {
        match self {
            Self::Call => 0,
            Self::Decide => 1,
            Self::Rollback => 2,
            Self::Resolve => 3,
            Self::Reveal => 4,
        }
    }

    /// Whether it judges a call somebody made.
    pub(super) const fn has_requester(self) -> bool {
        !matches!(self, Self::Call)
    }
}

impl ActionFacts {
    /// Whether there is such an act. Only calling needs no permission of its own to exist.
    pub(super) fn has(&self, act: Act) -> bool {
        act == Act::Call || self.group(act).is_some()
    }

    /// What an act is judged on. What is in doubt is judged on the server alone: a run keeps its arguments only once it
    /// has ended well.
    pub(super) fn resource(&self, act: Act) -> Option<&ResourceFacts> {
        self.resource.as_ref().filter(|_| act != Act::Resolve)
    }

    /// The arguments that an act's policies may read.
    pub(super) fn arguments(&self, act: Act) -> Record {
        if act == Act::Resolve { Record::default() } else { Record::of_arguments(&self.arguments) }
    }

    /// The permission an act needs.
    pub(super) fn group(&self, act: Act) -> Option<&str> {
        match act {
            Act::Call => self.permission.as_deref(),
            Act::Decide => self.decide.as_deref(),
            Act::Rollback => self.rollback.as_deref(),
            Act::Resolve => self.resolve.as_deref(),
            Act::Reveal => self.reveal.as_deref(),
        }
    }
}

/// Who made the call that is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// The issuer of the account.
    pub issuer: String,
    /// The account.
    pub subject: String,
    /// The human behind it.
    pub person: Option<String>,
    /// The account's tenant.
    pub tenant: String,
}

impl From<&Principal> for Requester {
    fn from(principal: &Principal) -> Self {
        Self {
            issuer: principal.issuer.clone(),
            subject: principal.subject.clone(),
            person: principal.person.clone(),
            tenant: principal.tenant.clone(),
        }
    }
}

/// May `principal` do this?
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// What is done.
    pub act: Act,
    /// With which tool.
    pub tool: &'a str,
    /// On what; has to be there exactly if the tool declares a resource.
    pub resource: Option<&'a LoadedResource>,
    /// The arguments of the call, validated, with defaults, in canonical form.
    pub arguments: &'a Map<String, Value>,
    /// When.
    pub now: Timestamp,
    /// Who made the call; has to be there exactly if the act judges one.
    pub requester: Option<&'a Requester>,
}
