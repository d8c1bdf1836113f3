//! From verified claims to a principal.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{AuthError, Method, Principal};

/// The longest identifier taken from a token, in bytes.
const MAX_TEXT: usize = 512;
/// The longest chain of `act` (RFC 8693 section 4.1) that is read.
const MAX_ACTORS: usize = 8;

/// Where in a token a claim is: a name at the top (`tenant`, `https://acme.example/tenant`), or, where it begins with
/// `/`, a JSON pointer (`/realm_access/roles`, RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimName(String);

impl<T: Into<String>> From<T> for ClaimName {
    fn from(name: T) -> Self {
        Self(name.into())
    }
}

/// Who the human behind an account is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PersonMapping {
    /// Each account is a person of its own, but a program that acts for itself is nobody: `sub` is the client, or the token
    /// says so as providers do (`CLIENT@clients` and `gty` at Auth0, `idtyp` or an `oid` that is `sub` at Entra,
    /// `service-account-..` at Keycloak). Where programs sign in that cannot be told by any of these, name a claim.
    Account,
    /// The claim names the person; an account without it is nobody and never decides, nor does one whose token says that
    /// it is a program's, as with [`PersonMapping::Account`]. It has to be a claim that people can not choose for
    /// themselves. `email` counts only where the issuer has verified it (`email_verified`): somebody
    /// who signs in or decides has to bring that, and a token that says otherwise is refused.
    Claim(ClaimName),
}

/// Which claims of an issuer's tokens hold what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The tenant, required. `tenant` unless said.
    pub tenant: ClaimName,
    /// The roles, a list or one word. `roles` unless said.
    pub roles: ClaimName,
    /// The scopes, separated by spaces or a list. `scope` unless said.
    pub scope: ClaimName,
    /// The client, required: the first of these that is there. `client_id`, then `azp`, unless said.
    pub client: Vec<ClaimName>,
    /// The human.
    pub person: PersonMapping,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            tenant: "tenant".into(),
            roles: "roles".into(),
            scope: "scope".into(),
            client: vec!["client_id".into(), "azp".into()],
            person: PersonMapping::Account,
        }
    }
}

impl Claims {
    /// The principal that verified claims speak of. What is there in another type than expected refuses the token:
    /// reading it as absent could make a smaller claim of a larger one, or nobody of somebody. `decides`: the tokens are
    /// those of people who decide.
    pub(super) fn principal(
        &self,
        issuer: &str,
        claims: &Map<String, Value>,
        decides: bool,
    ) -> Result<Principal, AuthError> {
        let client = self.client(claims)?;
        self.principal_through(issuer, claims, client, Method::Bearer, decides)
    }

    /// The same of whom an ID token speaks, which names no client that calls: they signed in with a browser, to `client`.
    #[cfg(feature = "oidc")]
    pub(super) fn signed_in(
        &self,
        issuer: &str,
        claims: &Map<String, Value>,
        client: &str,
    ) -> Result<Principal, AuthError> {
        self.principal_through(issuer, claims, client.to_owned(), Method::Interactive, true)
    }

    fn principal_through(
        &self,
        issuer: &str,
        claims: &Map<String, Value>,
        client: String,
        method: Method,
        decides: bool,
    ) -> Result<Principal, AuthError> {
        let subject = text(claims.get("sub"), "sub")?.ok_or(AuthError::BadClaim("sub"))?;
        let tenant =
            text(self.tenant.of(claims), "tenant")?.ok_or(AuthError::BadClaim("tenant"))?;
        let person = match &self.person {
            PersonMapping::Account if is_program(claims, &subject, &client) => None,
            PersonMapping::Account => Some(format!("{issuer}|{subject}")),
            PersonMapping::Claim(name) => {
                let person = text(name.of(claims), "person")?;
                if name.0.trim_start_matches('/') == "email" && person.is_some() {
                    verified(claims, decides)?;
                }
                // Providers give their programs ids of the kind that they give to people.
                person.filter(|_| !(decides && is_program(claims, &subject, &client)))
            }
        };
        let asserted = match claims.get("identity") {
            None => false,
            Some(value) => value == "asserted",
        };
        Ok(Principal {
            issuer: issuer.to_owned(),
            person,
            tenant,
            client,
            actors: actors(issuer, claims.get("act"))?,
            roles: words(self.roles.of(claims), Split::No, "roles")?,
            scopes: words(self.scope.of(claims), Split::Yes, "scope")?,
            method: if asserted { Method::Asserted } else { method },
            subject,
        })
    }

    fn client(&self, claims: &Map<String, Value>) -> Result<String, AuthError> {
        for name in &self.client {
            if let Some(client) = text(name.of(claims), "client_id")? {
                return Ok(client);
            }
        }
        Err(AuthError::BadClaim("client_id"))
    }
}

impl ClaimName {
    fn of<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let Some(path) = self.0.strip_prefix('/') else { return claims.get(&self.0) };
        let (first, rest) = path.split_once('/').map_or((path, None), |(a, b)| (a, Some(b)));
        let first = claims.get(&first.replace("~1", "/").replace("~0", "~"))?;
        rest.map_or(Some(first), |rest| first.pointer(&format!("/{rest}")))
    }
}

/// Whether an account is that of the client itself, by its name alone: `sub` is the client then (RFC 9068 section 2.2), or
/// at Auth0 `CLIENT@clients`.
pub(crate) fn is_clients_own(subject: &str, client: &str) -> bool {
    subject == client || subject.strip_suffix("@clients") == Some(client)
}

/// Whether an account is a program's own, by its name or by what its token says besides.
fn is_program(claims: &Map<String, Value>, subject: &str, client: &str) -> bool {
    let says = |name: &str, what: &str| claims.get(name).and_then(Value::as_str) == Some(what);
    let name = claims.get("preferred_username").and_then(Value::as_str).unwrap_or_default();
    is_clients_own(subject, client)
        || says("gty", "client-credentials")
        || says("idtyp", "app")
        // Entra, whose `sub` is a person's own at each application.
        || (claims.contains_key("tid") && says("oid", subject))
        || name.starts_with("service-account-")
}

/// Whether the address of this account is its own. Tokens of agents seldom say; those of whoever decides have to.
fn verified(claims: &Map<String, Value>, decides: bool) -> Result<(), AuthError> {
    match claims.get("email_verified") {
        Some(Value::Bool(true)) => Ok(()),
        None if !decides => Ok(()),
        _ => Err(AuthError::BadClaim("email_verified")),
    }
}

/// One identifier; `None` if it is not there.
fn text(value: Option<&Value>, claim: &'static str) -> Result<Option<String>, AuthError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if plain(text) => Ok(Some(text.clone())),
        Some(_) => Err(AuthError::BadClaim(claim)),
    }
}

fn plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Split {
    Yes,
    No,
}

fn words(
    value: Option<&Value>,
    split: Split,
    claim: &'static str,
) -> Result<BTreeSet<String>, AuthError> {
    let words: Vec<&str> = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if split == Split::Yes => text.split_ascii_whitespace().collect(),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items
            .iter()
            .map(Value::as_str)
            .collect::<Option<_>>()
            .ok_or(AuthError::BadClaim(claim))?,
        Some(_) => return Err(AuthError::BadClaim(claim)),
    };
    if !words.iter().all(|word| plain(word)) {
        return Err(AuthError::BadClaim(claim));
    }
    Ok(words.into_iter().map(str::to_owned).collect())
}

/// The parties that act for the subject, outermost first, each as `issuer|subject`.
fn actors(issuer: &str, act: Option<&Value>) -> Result<Vec<String>, AuthError> {
    let mut actors = Vec::new();
    let mut next = act;
    while let Some(value) = next {
        let actor = value.as_object().ok_or(AuthError::BadClaim("act"))?;
        let subject = text(actor.get("sub"), "act")?.ok_or(AuthError::BadClaim("act"))?;
        let of = text(actor.get("iss"), "act")?;
        actors.push(format!("{}|{subject}", of.as_deref().unwrap_or(issuer)));
        if actors.len() > MAX_ACTORS {
            return Err(AuthError::BadClaim("act"));
        }
        next = actor.get("act");
    }
    Ok(actors)
}
