use super::{ApprovalId, State};
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::identity::{Method, Principal};
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One side of an approval: who asks, or who decides.
///
/// A principal without its roles and scopes: those are judged when they are used, never remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The issuer that vouches for the subject.
    pub issuer: String,
    /// The account.
    pub subject: String,
    /// The tenant the account belongs to.
    pub tenant: String,
    /// The human behind the account; `None` for bots and unmapped accounts.
    pub person: Option<String>,
    /// Further parties that act on the account's behalf.
    pub actors: Vec<String>,
    /// The client that speaks for the account.
    pub client: String,
    /// How it was proven.
    pub method: Method,
    /// The roles it had then; policy is asked about them again when an approved call runs.
    #[serde(default)]
    pub roles: BTreeSet<String>,
    /// The scopes it had then.
    #[serde(default)]
    pub scopes: BTreeSet<String>,
}

impl From<&Party> for Principal {
    fn from(party: &Party) -> Self {
        Self {
            issuer: party.issuer.clone(),
            subject: party.subject.clone(),
            person: party.person.clone(),
            tenant: party.tenant.clone(),
            client: party.client.clone(),
            actors: party.actors.clone(),
            roles: party.roles.clone(),
            scopes: party.scopes.clone(),
            method: party.method,
        }
    }
}

impl From<&Principal> for Party {
    fn from(p: &Principal) -> Self {
        Self {
            issuer: p.issuer.clone(),
            subject: p.subject.clone(),
            tenant: p.tenant.clone(),
            person: p.person.clone(),
            actors: p.actors.clone(),
            client: p.client.clone(),
            method: p.method,
            roles: p.roles.clone(),
            scopes: p.scopes.clone(),
        }
    }
}

/// What a person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Let it run, once.
    Approve,
    /// Do not let it run. One is enough.
    Deny,
}

/// A vote as a channel hands it in. The channel has authenticated the voter and asked the policy for `by`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who votes, from an authenticator.
    pub voter: Party,
    /// What they say.
    pub verdict: Verdict,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Which policies let them vote, for the record.
    pub policy: Option<String>,
}

/// A vote that was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CastVote {
    /// The human; each counts once.
    pub person: String,
    /// The issuer of the account they used.
    pub issuer: String,
    /// The account they used.
    pub subject: String,
    /// The client they decided in.
    pub client: String,
    /// What they said.
    pub verdict: Verdict,
    /// Why.
    pub reason: Option<String>,
    /// How their identity was proven.
    pub method: Method,
    /// Which policies let them vote.
    pub policy: Option<String>,
    /// The whole account as it was then; policy is asked about it again when the call runs.
    #[serde(default)]
    pub account: Option<Party>,
    /// When, by the store's time.
    pub at: Timestamp,
}

/// What a call asks people to decide.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApproval {
    /// The digest of the [`Effect`](super::Effect).
    pub effect: Digest,
    /// Who asks.
    pub requester: Party,
    /// The tool's name.
    pub tool: String,
    /// The fingerprint of the tool's contract.
    pub contract: Digest,
    /// The resource's type and id; `Null` where the tool names none.
    pub resource: Value,
    /// The canonical arguments as people see them: [`masked`] where an input is sensitive.
    pub arguments: Value,
    /// The very arguments, which policies judge and no list shows.
    pub exact: Value,
    /// The client's name for the call (`idempotency_key`), so that whoever runs it runs it under that name.
    pub client_key: Option<String>,
    /// What the dry run showed, where the tool has one.
    pub preview: Option<Value>,
    /// The tool's risk, in the attribute's word.
    pub risk: String,
    /// What asked for the approval: the declaration, the `when` predicate or a policy.
    pub asked_by: String,
    /// The permission deciders need.
    pub by: String,
    /// How many different people have to approve; zero counts as one.
    pub quorum: u32,
    /// Whether the requester's own person may decide.
    pub allow_requester: bool,
    /// How long people have, and how long their decision can be used, in milliseconds.
    pub expires_in_ms: u64,
    /// How many requests this requester may have pending, this one included.
    pub max_pending: u32,
    /// Whether the client waits for a task, so that the server runs the call once it is approved.
    pub task: bool,
    /// Whether each change of its state is to be announced: it then leaves a [`Notice`](crate::store::Notice).
    pub announce: bool,
}

/// One approval request, with everything people need to decide and nothing that would let an id alone run it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The digest of the effect. A decision names it too, so what was shown is what is decided.
    pub effect: Digest,
    /// Who asks.
    pub requester: Party,
    /// The tool's name.
    pub tool: String,
    /// The fingerprint of the tool's contract when it was asked.
    pub contract: Digest,
    /// The resource's type and id.
    pub resource: Value,
    /// The canonical arguments as people see them.
    pub arguments: Value,
    /// The very arguments. Never shown.
    #[serde(skip)]
    pub exact: Value,
    /// The client's name for the call. Never shown.
    #[serde(skip)]
    pub client_key: Option<String>,
    /// What the dry run showed.
    pub preview: Option<Value>,
    /// The tool's risk.
    pub risk: String,
    /// What asked for the approval.
    pub asked_by: String,
    /// The permission deciders need.
    pub by: String,
    /// How many different people have to approve.
    pub quorum: u32,
    /// Whether the requester's own person may decide.
    pub allow_requester: bool,
    /// Whether the client waits for a task.
    pub task: bool,
    /// When it was asked.
    pub created: Timestamp,
    /// When it, or an unused approval, runs out.
    pub expires: Timestamp,
    /// The votes, in the order they came.
    pub votes: Vec<CastVote>,
    /// Where it stands.
    pub state: State,
    /// The stored answer of a done call, while it repeats.
    ///
    /// Only found by effect, never by id: whoever can say the effect is its requester.
    #[serde(skip)]
    pub answer: Option<Value>,
}

impl Approval {
    /// How many people have approved.
    #[must_use]
    pub fn approvals(&self) -> usize {
        self.votes.iter().filter(|v| v.verdict == Verdict::Approve).count()
    }

    /// Whether `who` is the account that asked, in the client that asked. Another client cannot pick a decision up.
    #[must_use]
    pub fn is_held_by(&self, who: &Party) -> bool {
        let r = &self.requester;
        r.issuer == who.issuer
            && r.subject == who.subject
            && r.tenant == who.tenant
            && r.client == who.client
    }
}

/// `arguments` with the named top-level members replaced by a mask of fixed length.
#[must_use]
pub fn masked(arguments: &Value, sensitive: &[&str]) -> Value {
    let mut shown = arguments.clone();
    if let Some(members) = shown.as_object_mut() {
        for (_, value) in members.iter_mut().filter(|(name, _)| sensitive.contains(&name.as_str()))
        {
            *value = Value::from("[masked]");
        }
    }
    shown
}
