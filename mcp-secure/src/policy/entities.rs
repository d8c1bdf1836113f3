//! From principals, resources and requesters to what Cedar compares.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression as Expr};

use super::facts::Requester;
use super::reads::Reads;
use super::shape::{Attribute, Mismatch, Record, Shape};
use crate::clock::Timestamp;
use crate::identity::{Method, Principal};

/// The names of our own entity types, parsed once.
#[derive(Debug)]
pub(super) struct Types {
    user: EntityTypeName,
    role: EntityTypeName,
    scope: EntityTypeName,
    tenant: EntityTypeName,
}

impl Types {
    pub(super) fn new() -> Result<Self, Box<cedar_policy::ParseErrors>> {
        Ok(Self {
            user: "User".parse().map_err(Box::new)?,
            role: "Role".parse().map_err(Box::new)?,
            scope: "Scope".parse().map_err(Box::new)?,
            tenant: "Tenant".parse().map_err(Box::new)?,
        })
    }

    /// The principal with its attributes and groups.
    pub(super) fn principal(&self, principal: &Principal) -> Result<Entity, Mismatch> {
        let user = uid(&self.user, &account(principal)?);
        let mut attributes = HashMap::with_capacity(9);
        let mut text = |name: &str, value: &str| {
            attributes.insert(name.to_owned(), Expr::new_string(value.to_owned()));
        };
        text("issuer", &principal.issuer);
        text("subject", &principal.subject);
        text("tenant", &principal.tenant);
        text("client", &principal.client);
        text("method", method(principal.method));
        if let Some(person) = &principal.person {
            text("person", person);
        }
        attributes.insert("roles".to_owned(), words(&principal.roles));
        attributes.insert("scopes".to_owned(), words(&principal.scopes));
        attributes.insert("actors".to_owned(), words(&principal.actors));
        let roles = principal.roles.iter().map(|role| uid(&self.role, role));
        let scopes = principal.scopes.iter().map(|scope| uid(&self.scope, scope));
        let mut parents: HashSet<EntityUid> = roles.chain(scopes).collect();
        parents.insert(uid(&self.tenant, &principal.tenant));
        Entity::new(user, attributes, parents).map_err(|_| unfit("the principal"))
    }

    /// A resource of `tenant` with those of its attributes that are read.
    pub(super) fn resource(
        &self,
        resource: EntityUid,
        tenant: &str,
        attributes: Vec<(String, Expr)>,
        reads: &Reads,
    ) -> Result<Entity, Mismatch> {
        let mut attributes: HashMap<String, Expr> =
            attributes.into_iter().filter(|(name, _)| reads.resource(name)).collect();
        if reads.resource("tenant") {
            attributes.insert("tenant".to_owned(), Expr::new_string(tenant.to_owned()));
        }
        let parents = HashSet::from([uid(&self.tenant, tenant)]);
        if attributes.is_empty() {
            return Ok(Entity::new_no_attrs(resource, parents));
        }
        Entity::new(resource, attributes, parents).map_err(|_| unfit("the resource"))
    }
}

pub(super) fn uid(type_name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(id))
}

/// `<issuer>|<subject>`. An issuer with a `|` in it could make two accounts look like one.
pub(super) fn account(principal: &Principal) -> Result<String, Mismatch> {
    if principal.issuer.is_empty() || principal.issuer.contains('|') {
        return Err(Mismatch("the issuer cannot be part of an account's name".to_owned()));
    }
    Ok(format!("{}|{}", principal.issuer, principal.subject))
}

const fn method(method: Method) -> &'static str {
    match method {
        Method::Bearer => "bearer",
        Method::Local => "local",
        Method::Interactive => "interactive",
        Method::Asserted => "asserted",
    }
}

fn words<'a>(words: impl IntoIterator<Item = &'a String>) -> Expr {
    Expr::new_set(words.into_iter().map(|word| Expr::new_string(word.clone())))
}

fn unfit(what: &str) -> Mismatch {
    Mismatch(format!("{what} cannot be expressed to the policies"))
}

/// The attributes of `User`.
pub(super) fn user_shape() -> Record {
    let mut record = Record::default();
    for name in ["issuer", "subject", "tenant", "client", "method"] {
        record.0.insert(name.to_owned(), Attribute { shape: Shape::String, required: true });
    }
    for name in ["roles", "scopes", "actors"] {
        let shape = Shape::Set(Box::new(Shape::String));
        record.0.insert(name.to_owned(), Attribute { shape, required: true });
    }
    record.0.insert("person".to_owned(), Attribute { shape: Shape::String, required: false });
    record
}

/// The attributes of `context.requester`.
pub(super) fn requester_shape() -> Record {
    let mut record = Record::default();
    for name in ["issuer", "subject", "tenant"] {
        record.0.insert(name.to_owned(), Attribute { shape: Shape::String, required: true });
    }
    record.0.insert("person".to_owned(), Attribute { shape: Shape::String, required: false });
    record
}

pub(super) fn requester(requester: &Requester) -> Result<Expr, Mismatch> {
    let text = |name: &str, value: &str| (name.to_owned(), Expr::new_string(value.to_owned()));
    let mut pairs = vec![
        text("issuer", &requester.issuer),
        text("subject", &requester.subject),
        text("tenant", &requester.tenant),
    ];
    pairs.extend(requester.person.iter().map(|person| text("person", person)));
    Expr::new_record(pairs).map_err(|_| unfit("the requester"))
}

/// The time in the one form Cedar reads, `2026-01-31T09:30:00.000Z`.
pub(super) fn datetime(now: Timestamp) -> Result<Expr, Mismatch> {
    let nanos = i128::from(now.millis()) * 1_000_000;
    let t = time::OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .filter(|t| (1..=9999).contains(&t.year()))
        .ok_or_else(|| unfit("the time"))?;
    let (date, clock) = (t.date(), t.time());
    let text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        clock.millisecond()
    );
    Ok(Expr::new_datetime(text))
}
