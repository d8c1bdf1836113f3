//! Asking the policies. Every way out that is not a permit is a denial.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Entities, Entity, EntityTypeName, EntityUid,
    Policy, PolicySet, Request, Response, RestrictedExpression as Expr,
};
use serde_json::Value;

use super::action::{Action, ResourceShape, permits, relevant};
use super::entities::{Types, datetime, requester, uid};
use super::known::{Asker, Known};
use super::memo::{Key, Memo};
use super::reads::Reads;
use super::settled::Split;
use super::shape::{Mismatch, Record};
use super::{
    Act, ActionFacts, DenyReason, Policies, PolicyFault, Question, Verdict, load, same_tenant,
    schema, source,
};
use crate::canon::Digest;
use crate::identity::Principal;

/// The policies of a server, checked and indexed.
#[derive(Debug)]
pub struct PolicyEngine {
    authorizer: Authorizer,
    types: Types,
    /// By tool, then by act.
    actions: HashMap<String, [Option<Action>; 5]>,
    memo: Memo,
    version: Digest,
    schema: Value,
    warnings: Vec<PolicyFault>,
    count: usize,
}

impl PolicyEngine {
    /// Reads the policies, makes the schema from `tools`, checks the one against the other and indexes the result.
    ///
    /// `application` names the server: the resource of tools that declare none. All faults are told at once.
    pub fn build(
        policies: &Policies,
        application: &str,
        tools: &[ActionFacts],
    ) -> Result<Self, Vec<PolicyFault>> {
        let internal = |e: cedar_policy::ParseErrors| vec![PolicyFault::new(e.to_string())];
        let types = Types::new().map_err(|e| internal(*e))?;
        let schema = schema::build(tools)?;
        let sources = policies.read()?;
        let version = source::version(&sources);
        let loaded = load::load(&sources, &schema.schema)?;
        let actions = Indexer {
            action_type: "Action".parse().map_err(internal)?,
            application: uid(&"Application".parse().map_err(internal)?, application),
            policies: &loaded,
            resources: &schema.resources,
        }
        .index(tools)?;
        let warnings = warnings(&loaded, tools, &actions);
        let authorizer = Authorizer::new();
        Ok(Self {
            authorizer,
            types,
            actions,
            memo: Memo::default(),
            version,
            schema: schema.json,
            warnings,
            count: loaded.len(),
        })
    }

    /// The version of the policies: a digest of their names and texts.
    pub const fn version(&self) -> Digest {
        self.version
    }

    /// The Cedar schema the policies were checked against, in Cedar's syntax.
    #[must_use]
    pub fn schema_text(&self) -> String {
        schema::text(&self.schema)
    }

    /// How many policies were loaded.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// What is no fault but surely not meant: no policies at all, or an action that no policy can permit.
    #[must_use]
    pub fn warnings(&self) -> &[PolicyFault] {
        &self.warnings
    }

    /// Whether some call of the tool could be permitted to the principal: by the scopes of the policies alone. It may
    /// say yes where every call would be denied, and never no where one would be permitted.
    #[must_use]
    pub fn could_permit(&self, principal: &Principal, act: Act, tool: &str) -> bool {
        self.action(act, tool).is_some_and(|action| {
            action.public || action.permits.iter().any(|whom| whom.matches(principal))
        })
    }

    /// Asks the policies. Whatever cannot be expressed or evaluated is denied.
    pub fn authorize(&self, question: &Question<'_>) -> Verdict {
        self.answer(self.ask(question, None))
    }

    fn answer(&self, answer: Result<Answer, Mismatch>) -> Verdict {
        let version = self.version;
        let reason = match answer {
            Ok(Answer::Permit(policies)) => return Verdict::Permit { policies, version },
            Ok(Answer::Deny(reason)) => reason,
            Err(Mismatch(cause)) => DenyReason::Error(cause),
        };
        Verdict::Deny { reason, version }
    }

    fn action(&self, act: Act, tool: &str) -> Option<&Action> {
        self.actions.get(tool)?.get(act.position())?.as_ref()
    }

    /// Asks the action's own policies, or another set in a test of the index.
    fn ask(&self, q: &Question<'_>, other: Option<&PolicySet>) -> Result<Answer, Mismatch> {
        let Some(action) = self.action(q.act, q.tool) else {
            return Err(Mismatch("there is no such action".to_owned()));
        };
        let tenants = [q.resource.map(|r| &r.tenant), q.requester.map(|r| &r.tenant)];
        if !tenants.into_iter().flatten().all(|t| same_tenant(&q.principal.tenant, t)) {
            return Ok(Answer::Deny(DenyReason::OtherTenant));
        }
        let asker = action.known.get(q.principal, || self.asker(action, q.principal))?;
        let key = if other.is_none() { Key::of(action, &asker, q)? } else { None };
        if let Some(answer) = key.as_ref().and_then(|key| self.memo.get(key)) {
            return Ok(answer);
        }
        // Another set may read more than the action's own does.
        let (policies, reads) =
            other.map_or((&asker.policies, &action.reads), |other| (other, &Reads::ALL));
        let (request, entities) = self.prepare(action, &asker, q, reads)?;
        let response = self.authorizer.is_authorized(&request, policies, &entities);
        let answer = judge(&response, action.public);
        if let (Some(key), false) = (key, answer.is_error()) {
            self.memo.keep(key, &answer);
        }
        Ok(answer)
    }

    fn prepare(
        &self,
        action: &Action,
        asker: &Asker,
        q: &Question<'_>,
        reads: &Reads,
    ) -> Result<(Request, Entities), Mismatch> {
        let resource = self.resource(action, q, reads)?;
        let context = context(action, q, reads)?;
        let request =
            Request::new(asker.uid.clone(), action.uid.clone(), resource.uid(), context, None)
                .map_err(|_| Mismatch("the request cannot be expressed".to_owned()))?;
        let entities =
            asker.entities.clone().add_entities([resource], None).map_err(inexpressible)?;
        Ok((request, entities))
    }

    /// The part of every question that is the same for one principal and one action.
    fn asker(&self, action: &Action, principal: &Principal) -> Result<Asker, Mismatch> {
        let principal = self.types.principal(principal)?;
        let uid = principal.uid();
        let entities = Entities::from_entities([action.entity.clone(), principal], None)
            .map_err(inexpressible)?;
        // The scopes say nothing of the resource, so any will do.
        let request =
            Request::new(uid.clone(), action.uid.clone(), uid.clone(), Context::empty(), None)
                .map_err(|_| Mismatch("the request cannot be expressed".to_owned()))?;
        let left =
            action.split.as_ref().and_then(|s| s.left_for(&self.authorizer, &request, &entities));
        let policies = left.unwrap_or_else(|| action.policies.clone());
        Ok(Asker::new(uid, entities, policies))
    }

    fn resource(
        &self,
        action: &Action,
        q: &Question<'_>,
        reads: &Reads,
    ) -> Result<Entity, Mismatch> {
        match (&action.resource, q.resource) {
            // The server as the caller's own tenant sees it, so that `principal.tenant == resource.tenant` is one rule
            // for every tool.
            (ResourceShape::Application(uid), None) => {
                self.types.resource(uid.clone(), &q.principal.tenant, Vec::new(), reads)
            }
            (ResourceShape::Of { type_name, entity_type, attributes }, Some(loaded))
                if loaded.type_name == type_name.as_str() =>
            {
                let values = attributes.express(&loaded.attributes)?;
                self.types.resource(uid(entity_type, &loaded.id), &loaded.tenant, values, reads)
            }
            _ => Err(Mismatch("the resource is not of the declared type".to_owned())),
        }
    }
}

/// What the tests of the index compare with.
#[cfg(test)]
impl PolicyEngine {
    pub(super) fn authorize_with(&self, question: &Question<'_>, all: &PolicySet) -> Verdict {
        self.answer(self.ask(question, Some(all)))
    }

    /// How many answers are kept.
    pub(super) fn answers_kept(&self) -> usize {
        self.memo.len()
    }

    /// How many policies are asked about an act.
    pub(super) fn asked_for(&self, act: Act, tool: &str) -> usize {
        self.action(act, tool).map_or(0, |action| action.policies.num_of_policies())
    }

    /// Whether the request and the entities are what the schema says.
    pub(super) fn check_against_schema(&self, q: &Question<'_>) -> Result<(), String> {
        let schema = cedar_policy::Schema::from_json_value(self.schema.clone())
            .map_err(|e| e.to_string())?;
        let action = self.action(q.act, q.tool).ok_or("no action")?;
        let asker = self.asker(action, q.principal).map_err(|e| e.0)?;
        let (_, entities) = self.prepare(action, &asker, q, &Reads::ALL).map_err(|e| e.0)?;
        let resource = self.resource(action, q, &Reads::ALL).map_err(|e| e.0)?.uid();
        let principal = asker.uid;
        let context = context(action, q, &Reads::ALL).map_err(|e| e.0)?;
        Request::new(principal, action.uid.clone(), resource, context, Some(&schema))
            .map_err(|e| e.to_string())?;
        Entities::from_entities(entities, Some(&schema)).map_err(|e| e.to_string())?;
        Ok(())
    }
}

/// What came of a question.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Permit(Vec<String>),
    Deny(DenyReason),
}

impl Answer {
    const fn is_error(&self) -> bool {
        matches!(self, Self::Deny(DenyReason::Error(_)))
    }
}

fn judge(response: &Response, public: bool) -> Answer {
    let diagnostics = response.diagnostics();
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    // Cedar skips a policy it cannot evaluate: a `forbid` would be lost and the call permitted.
    let failed: Vec<String> = diagnostics.errors().map(failed_policy).collect();
    if !failed.is_empty() {
        let text = format!("could not be evaluated: {}", sorted(failed).join(", "));
        return Answer::Deny(DenyReason::Error(text));
    }
    let ids = sorted(diagnostics.reason().map(ToString::to_string).collect());
    match response.decision() {
        Decision::Allow => Answer::Permit(ids),
        Decision::Deny if !ids.is_empty() => Answer::Deny(DenyReason::Forbidden(ids)),
        Decision::Deny if public => Answer::Permit(ids),
        Decision::Deny => Answer::Deny(DenyReason::NoPermit),
    }
}

fn inexpressible(_: cedar_policy::entities_errors::EntitiesError) -> Mismatch {
    Mismatch("the entities cannot be expressed".to_owned())
}

fn failed_policy(error: &AuthorizationError) -> String {
    match error {
        AuthorizationError::PolicyEvaluationError(e) => e.policy_id().to_string(),
    }
}

/// What policies may read of the call. A value that does not fit its type denies, whether it is read or not.
fn context(action: &Action, q: &Question<'_>, reads: &Reads) -> Result<Context, Mismatch> {
    let unfit = |what: &str| Mismatch(format!("{what} cannot be expressed"));
    let mut pairs = Vec::new();
    let arguments = action.arguments.express(q.arguments)?;
    if reads.context("args") {
        let arguments = Expr::new_record(arguments).map_err(|_| unfit("the arguments"))?;
        pairs.push(("args".to_owned(), arguments));
    }
    if reads.context("client") {
        pairs.push(("client".to_owned(), Expr::new_string(q.principal.client.clone())));
    }
    if reads.context("risk") {
        pairs.push(("risk".to_owned(), Expr::new_string(action.risk.to_owned())));
    }
    if reads.context("now") {
        pairs.push(("now".to_owned(), datetime(q.now)?));
    }
    match (q.act.has_requester(), q.requester) {
        (true, Some(who)) if reads.context("requester") => {
            pairs.push(("requester".to_owned(), requester(who)?));
        }
        (true, Some(_)) | (false, None) => {}
        _ => return Err(Mismatch("the requester has to be given for acts on a call".to_owned())),
    }
    if pairs.is_empty() {
        return Ok(Context::empty());
    }
    Context::from_pairs(pairs).map_err(|_| unfit("the context"))
}

/// Makes an [`Action`] for everything that can be asked about.
struct Indexer<'a> {
    action_type: EntityTypeName,
    application: EntityUid,
    policies: &'a [Policy],
    resources: &'a BTreeMap<String, Record>,
}

impl Indexer<'_> {
    fn index(
        &self,
        tools: &[ActionFacts],
    ) -> Result<HashMap<String, [Option<Action>; 5]>, Vec<PolicyFault>> {
        let mut actions: HashMap<String, [Option<Action>; 5]> = HashMap::new();
        for tool in tools {
            let acts = actions.entry(tool.tool.clone()).or_default();
            for act in Act::ALL {
                if let (true, Some(slot)) = (tool.has(act), acts.get_mut(act.position())) {
                    let action = self.action(tool, act);
                    *slot = Some(action.map_err(|e| vec![PolicyFault::new(e)])?);
                }
            }
        }
        Ok(actions)
    }

    fn action(&self, tool: &ActionFacts, act: Act) -> Result<Action, String> {
        let group = tool.group(act);
        let own = uid(&self.action_type, &act.id(&tool.tool));
        let groups: HashSet<EntityUid> =
            group.into_iter().map(|g| uid(&self.action_type, g)).collect();
        let policies = relevant(self.policies, &own, &groups).cloned();
        let policies = PolicySet::from_policies(policies).map_err(|e| e.to_string())?;
        let resource = match tool.resource(act) {
            None => ResourceShape::Application(self.application.clone()),
            Some(resource) => ResourceShape::Of {
                type_name: resource.type_name.clone(),
                entity_type: resource.type_name.parse().map_err(|_| "no entity type".to_owned())?,
                attributes: self.resources.get(&resource.type_name).cloned().unwrap_or_default(),
            },
        };
        Ok(Action {
            entity: Entity::new_no_attrs(own.clone(), groups),
            uid: own,
            permits: permits(&policies),
            known: Known::default(),
            split: Split::of(&policies),
            reads: Reads::of(&policies),
            policies,
            public: group.is_none(),
            risk: tool.risk.as_str(),
            resource,
            arguments: tool.arguments(act),
        })
    }
}

fn warnings(
    policies: &[Policy],
    tools: &[ActionFacts],
    actions: &HashMap<String, [Option<Action>; 5]>,
) -> Vec<PolicyFault> {
    if policies.is_empty() {
        let fault =
            PolicyFault::new("no policies are loaded, so every call that is not public is denied");
        return vec![fault.help("add a `.cedar` file with a `permit`")];
    }
    let mut found = Vec::new();
    for tool in tools {
        let acts = actions.get(&tool.tool).into_iter().flatten();
        for (act, action) in Act::ALL.into_iter().zip(acts) {
            let id = act.id(&tool.tool);
            // Nobody has to be named for what may never happen; without somebody it stays in doubt, or masked.
            if !matches!(act, Act::Resolve | Act::Reveal)
                && action.as_ref().is_some_and(|a| !a.public && a.permits.is_empty())
            {
                let fault = PolicyFault::new(format!("no policy can permit `Action::\"{id}\"`"));
                found.push(fault.help("add a `permit` for it or for its permission"));
            }
        }
    }
    found
}
