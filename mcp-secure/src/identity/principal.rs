use std::collections::BTreeSet;

/// How a principal proved who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A bearer token, verified against its issuer's keys (RFC 6750, RFC 9068).
    Bearer,
    /// The operating-system user who started the process, over stdio.
    Local,
    /// Signed in to the inbox with a browser, at an issuer (`OpenID` Connect Core 1.0).
    Interactive,
    /// A name chosen by the operator in a `sandbox` data folder. Proves nothing, and every record says so.
    Asserted,
}

/// Who is calling, as an authenticator established it.
///
/// A tool borrows it (`caller: &Principal`); nothing in arguments, `_meta` or `clientInfo` can change it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Principal {
    /// The issuer that vouches for the subject; with the subject it names one account.
    pub issuer: String,
    /// The account, unique within the issuer.
    pub subject: String,
    /// The human behind the account; `None` for bots and for accounts nobody has mapped. Only a person decides.
    pub person: Option<String>,
    /// The tenant the account belongs to.
    pub tenant: String,
    /// The OAuth client (or local host program) that acts for the subject.
    pub client: String,
    /// Further parties that act on the subject's behalf (RFC 8693 `act`), outermost first.
    pub actors: Vec<String>,
    /// Roles within the tenant.
    pub roles: BTreeSet<String>,
    /// OAuth scopes the token carries.
    pub scopes: BTreeSet<String>,
    /// How it was proven.
    pub method: Method,
}
