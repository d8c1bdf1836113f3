//! Signing people in at an `OpenID` provider, with a browser: the authorization code flow with PKCE (`OpenID` Connect Core
//! 1.0 section 3.1, RFC 7636), as RFC 9700 asks for.
//!
//! Nothing of a sign-in is kept here. What has to be kept between its two halves is handed out, for the store.

mod provider;
mod sign_in;
#[cfg(test)]
#[allow(
    clippy::single_match_else,
    reason = "a provider in a test says what it says by its algorithm"
)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use openidconnect::url::Url;
use secrecy::SecretString;

use super::Claims;
use crate::outbound;
pub(crate) use sign_in::{OidcSignIn, SignInRefused};

/// An `OpenID` provider at which the people sign in who decide.
///
/// The provider has to know the client `client_id` with the redirect address `<the inbox's address>/oidc/callback`, as
/// `https://desk.example.com/inbox/oidc/callback`.
///
/// ```
/// use mcp_secure::identity::{Claims, Oidc, PersonMapping};
///
/// let provider = Oidc::new("https://login.example.com", "support-desk-inbox")
///     .secret(std::env::var("OIDC_CLIENT_SECRET").unwrap_or_default())
///     .scopes(["profile"])
///     .claims(Claims { person: PersonMapping::Claim("employee".into()), ..Claims::default() });
/// ```
///
/// The claims are read from the ID token, so the provider has to put tenant, roles and person there. Its signature is
/// checked with the provider's published keys, and never with a shared secret: `RS`, `PS` and `ES` with 256 and 384 bits,
/// `RS512`, `PS512`, and `EdDSA`.
#[derive(Clone)]
pub struct Oidc {
    issuer: String,
    client_id: String,
    secret: Option<Arc<SecretString>>,
    scopes: Vec<String>,
    claims: Claims,
    max_age: Option<Duration>,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oidc")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Oidc {
    /// The provider whose issuer identifier is `issuer`, exactly as it says it itself, where this application is
    /// registered as `client_id`. It is asked by https; by http on this machine alone.
    #[must_use]
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            client_id: client_id.into(),
            secret: None,
            scopes: Vec::new(),
            claims: Claims::default(),
            max_age: None,
        }
    }

    /// The client's secret. Without one it is a public client, which PKCE alone protects. An empty one is none.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<SecretString>) -> Self {
        use secrecy::ExposeSecret as _;
        let secret = secret.into();
        self.secret = (!secret.expose_secret().is_empty()).then(|| Arc::new(secret));
        self
    }

    /// Which claims of its ID tokens hold what. `client` is not looked at: whoever signs in decides through the inbox.
    #[must_use]
    pub fn claims(mut self, claims: Claims) -> Self {
        self.claims = claims;
        self
    }

    /// What is asked for besides `openid`.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Asks that people have proven who they are to the provider not longer ago than this (`max_age`, in whole seconds),
    /// and takes nobody who has not. Without it the provider's own session decides.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// The issuer of the people who sign in here.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// How a person is known here.
    pub(crate) fn mapping(&self) -> &Claims {
        &self.claims
    }

    /// What is wrong with it, as far as that can be told without asking the provider.
    pub(crate) fn faults(&self) -> Vec<String> {
        let issuer = self.issuer.escape_debug();
        let mut faults = Vec::new();
        match Url::parse(&self.issuer) {
            Err(_) => faults.push(format!("`{issuer}` is no address of an OpenID provider")),
            Ok(url) if !outbound::is_safe(&url, true) => faults.push(format!(
                "the OpenID provider `{issuer}` has to be asked by https; http is for a provider on this machine"
            )),
            // OpenID Connect Discovery 1.0 section 4.1.
            Ok(url) if url.query().is_some() || url.fragment().is_some() || has_user(&url) => {
                faults.push(format!(
                    "the issuer `{issuer}` of an OpenID provider has no user, query or fragment"
                ));
            }
            Ok(_) => {}
        }
        if self.client_id.is_empty() || self.client_id.chars().any(char::is_control) {
            faults.push(format!(
                "the client at the OpenID provider `{issuer}` needs the id it is registered under"
            ));
        }
        // RFC 6749 section 3.3.
        let token = |c: char| matches!(c, '\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e');
        for scope in self.scopes.iter().filter(|s| s.is_empty() || !s.chars().all(token)) {
            faults.push(format!("`{}` is no scope", scope.escape_debug()));
        }
        faults
    }
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}
