//! The people of a sandbox, declared by the application and chosen by name. That proves nothing, and records say so.

use std::collections::{BTreeMap, BTreeSet};

use super::{Authenticated, LOCAL_ISSUER, Method, Principal, Sandbox};

/// One account of the sandbox.
///
/// ```
/// use mcp_secure::identity::Person;
/// let bob = Person::new("bob", "acme").roles(["support_lead"]);
/// // Another account of bob, who counts once wherever people decide.
/// let admin = Person::new("bob-admin", "acme").same_human_as("bob");
/// // Nobody's: it calls, and never decides.
/// let nightly = Person::new("nightly", "acme").bot();
/// assert_eq!(nightly.name(), "nightly");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    name: String,
    tenant: String,
    human: Option<String>,
    roles: BTreeSet<String>,
    scopes: BTreeSet<String>,
}

impl Person {
    /// A human named `name` in `tenant`, with no roles.
    #[must_use]
    pub fn new(name: impl Into<String>, tenant: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            human: Some(name.clone()),
            name,
            tenant: tenant.into(),
            roles: BTreeSet::new(),
            scopes: BTreeSet::new(),
        }
    }

    /// With these roles too.
    #[must_use]
    pub fn roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles.extend(roles.into_iter().map(Into::into));
        self
    }

    /// With these scopes too.
    #[must_use]
    pub fn scopes<R: Into<String>>(mut self, scopes: impl IntoIterator<Item = R>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// A second account of the human named `person`, who counts once wherever people decide.
    #[must_use]
    pub fn same_human_as(mut self, person: impl Into<String>) -> Self {
        self.human = Some(person.into());
        self
    }

    /// No human at all: it never decides.
    #[must_use]
    pub fn bot(mut self) -> Self {
        self.human = None;
        self
    }

    /// The account's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn principal(&self, client: &str, method: Method) -> Principal {
        Principal {
            issuer: LOCAL_ISSUER.to_owned(),
            subject: self.name.clone(),
            person: self.human.clone(),
            tenant: self.tenant.clone(),
            client: client.to_owned(),
            actors: Vec::new(),
            roles: self.roles.clone(),
            scopes: self.scopes.clone(),
            method,
        }
    }
}

/// Why the people of a sandbox cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeopleError {
    /// Two people of one name.
    #[error("`{0}` is declared twice among the people")]
    Twice(String),
    /// A name, tenant, role or scope that cannot be one.
    #[error(
        "`{0}` cannot be a {1}: use 1 to 128 characters of letters, digits, `_`, `-`, `.`, `@`, `:`"
    )]
    BadWord(String, &'static str),
    /// Nobody has that name.
    #[error("nobody is named `{name}`; there is {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The operating system does not say who runs this process.
    #[error(
        "the operating system does not say who runs this process: {0}; choose a person with `--as`"
    )]
    NoSystemUser(String),
}

/// Declares the people of a sandbox, for [`ServerBuilder::people`](crate::server::ServerBuilder::people). Above a sandbox
/// they come from the tokens of an issuer instead.
///
/// ```
/// use mcp_secure::prelude::*;
///
/// let people = People::new()
///     .with(Person::new("alice", "acme").roles(["support"]))
///     .with(Person::new("bob", "acme").roles(["support", "support_lead"]));
/// let server = Server::builder(|_| Ok::<(), String>(())).people(people);
/// # drop(server);
/// ```
#[derive(Debug, Clone, Default)]
pub struct People(Vec<Person>);

impl People {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more account.
    #[must_use]
    pub fn with(mut self, person: Person) -> Self {
        self.0.push(person);
        self
    }

    /// Checks the names and makes the directory. A server does it when it starts.
    ///
    /// ```
    /// use mcp_secure::identity::{People, Person};
    /// let twice = People::new().with(Person::new("bob", "acme")).with(Person::new("bob", "globex"));
    /// assert_eq!(twice.build().unwrap_err().to_string(), "`bob` is declared twice among the people");
    /// ```
    pub fn build(self) -> Result<Directory, PeopleError> {
        let mut people = BTreeMap::new();
        for person in self.0 {
            word(&person.name, "name")?;
            word(&person.tenant, "tenant")?;
            person.human.iter().try_for_each(|p| word(p, "name"))?;
            person.roles.iter().try_for_each(|r| word(r, "role"))?;
            person.scopes.iter().try_for_each(|s| word(s, "scope"))?;
            if let Some(first) = people.insert(person.name.clone(), person) {
                return Err(PeopleError::Twice(first.name));
            }
        }
        Ok(Directory(people))
    }
}

fn word(text: &str, what: &'static str) -> Result<(), PeopleError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.@:".contains(c);
    if !text.is_empty() && text.len() <= 128 && text.chars().all(allowed) {
        return Ok(());
    }
    Err(PeopleError::BadWord(text.escape_debug().to_string(), what))
}

/// The people of a sandbox, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory(BTreeMap<String, Person>);

impl Directory {
    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether anybody is of this tenant; `None` where nobody is declared, so that nothing can be said of it.
    pub(crate) fn has_tenant(&self, tenant: &str) -> Option<bool> {
        (!self.0.is_empty()).then(|| self.0.values().any(|person| person.tenant == tenant))
    }

    /// The account of that name, exactly as declared.
    pub fn find(&self, name: &str) -> Result<&Person, PeopleError> {
        self.0.get(name).ok_or_else(|| {
            let known = self.names().collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "nobody declared".to_owned() } else { known };
            PeopleError::Unknown { name: name.escape_debug().to_string(), known }
        })
    }

    /// Takes the operator's word that `name` is who acts, through the program `client`. Recorded as asserted.
    pub fn assert(
        &self,
        name: &str,
        client: &str,
        _: Sandbox,
    ) -> Result<Authenticated, PeopleError> {
        Ok(Authenticated::vouch(self.find(name)?.principal(client, Method::Asserted)))
    }
}
