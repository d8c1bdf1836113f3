//! The two halves of a sign-in: the way to the provider, and the way back.

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreErrorResponseType, CoreIdToken,
    CoreIdTokenVerifier, CoreJwsSigningAlgorithm, CoreSubjectIdentifierType,
};
use openidconnect::url::form_urlencoded;
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, TokenResponse as _,
};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Oidc;
use super::provider::{Known, Metadata, Provider};
use crate::clock::Clock;
use crate::identity::{AuthError, Authenticated, INBOX_CLIENT, Method, PersonMapping};

/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 30;
/// How old an ID token may be that was asked for just now, in seconds.
const FRESH: i64 = 600;
/// The longest value taken from an answer, in bytes.
const MAX_VALUE: usize = 4096;

/// Why nobody is signed in, in words for the person at the browser. The log holds more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SignInRefused {
    /// The provider can not be asked.
    #[error("the sign-in service can not be reached at present; try again in a minute")]
    Unavailable,
    /// The provider, or how it is set up here, does not fit.
    #[error("signing in is not set up rightly: {0}")]
    Setup(&'static str),
    /// Another browser's, another sign-in's, or used up.
    #[error("this sign-in was not begun here, or is used up; begin again")]
    NotBegun,
    /// Another provider answers (RFC 9207).
    #[error("another sign-in service has answered than the one that was asked; begin again")]
    OtherIssuer,
    /// What came back is no answer.
    #[error("the answer of the sign-in service can not be read; begin again")]
    Malformed,
    /// The provider says no, with this code.
    #[error("the sign-in service says no (`{0}`); begin again")]
    Denied(String),
    /// The code is used up, too old or somebody else's.
    #[error("the sign-in service does not take its own answer back; begin again")]
    Code,
    /// The ID token does not hold.
    #[error("what the sign-in service says of you does not hold; begin again")]
    Token,
    /// The proof is too old.
    #[error("you have proven who you are too long ago; sign in there anew")]
    TooOld,
    /// A claim is missing, or of another type.
    #[error("your account has no usable `{0}`; ask whoever looks after accounts")]
    Claim(&'static str),
    /// No human is known behind the account, or somebody acts on its behalf.
    #[error("only people sign in here, and no person is known behind this account")]
    NoPerson,
}

impl SignInRefused {
    /// A stable name for the record.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Setup(_) => "setup",
            Self::NotBegun => "not_begun",
            Self::OtherIssuer => "other_issuer",
            Self::Malformed => "malformed",
            Self::Denied(_) => "denied",
            Self::Code => "code",
            Self::Token => "token",
            Self::TooOld => "too_old",
            Self::Claim(_) => "claim",
            Self::NoPerson => "no_person",
        }
    }

    /// Whether trying again may help without anything being changed.
    pub(crate) const fn passes(&self) -> bool {
        matches!(self, Self::Unavailable)
    }
}

/// What has to be kept between the two halves, where only this server can read it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    issuer: String,
    client_id: String,
    redirect: String,
    state: String,
    nonce: String,
    verifier: String,
}

/// Signs people in.
pub(crate) struct OidcSignIn {
    oidc: Oidc,
    issuer: IssuerUrl,
    provider: Provider,
    clock: Clock,
}

impl OidcSignIn {
    /// Asks nobody yet.
    pub(crate) fn new(oidc: Oidc, clock: Clock) -> Result<Self, String> {
        if let Some(fault) = oidc.faults().into_iter().next() {
            return Err(fault);
        }
        let issuer = IssuerUrl::new(oidc.issuer.clone()).map_err(|error| error.to_string())?;
        let provider = Provider::new(issuer.clone()).map_err(|error| error.to_string())?;
        Ok(Self { oidc, issuer, provider, clock })
    }

    /// The issuer of the people who sign in.
    pub(crate) fn issuer(&self) -> &str {
        &self.oidc.issuer
    }

    /// Asks the provider what it says of itself. A server that starts does so, and logs what is wrong.
    pub(crate) async fn look(&self) -> Result<(), SignInRefused> {
        self.known().await.map(drop)
    }

    async fn known(&self) -> Result<Known, SignInRefused> {
        let known = self.provider.known().await.map_err(|why| self.unavailable(&why))?;
        self.fits(&known.metadata)?;
        Ok(known)
    }

    fn unavailable(&self, why: &str) -> SignInRefused {
        tracing::warn!(issuer = %self.oidc.issuer, "the OpenID provider can not be asked: {why}");
        SignInRefused::Unavailable
    }

    /// Whether accounts can be compared at all: under `pairwise` each client hears another `sub` of the same account, so
    /// that nobody could tell whether who decides is who asked (`OpenID` Connect Core 1.0 section 8).
    fn fits(&self, metadata: &Metadata) -> Result<(), SignInRefused> {
        let public =
            metadata.subject_types_supported().contains(&CoreSubjectIdentifierType::Public);
        if !public && self.oidc.claims.person == PersonMapping::Account {
            let why = "its subjects are `pairwise`, so a claim has to name the person";
            tracing::warn!(issuer = %self.oidc.issuer, "the OpenID provider can not be used: {why}");
            return Err(SignInRefused::Setup(why));
        }
        Ok(())
    }

    /// Where the browser goes, and what has to be kept until it comes back to `redirect`: for a few minutes, for this
    /// browser alone, and for one time.
    pub(crate) async fn begin(&self, redirect: &str) -> Result<(String, Value), SignInRefused> {
        let known = self.known().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let redirect_url = RedirectUrl::new(redirect.to_owned())
            .map_err(|_| SignInRefused::Setup("the inbox has no usable address"))?;
        let client = CoreClient::from_provider_metadata(
            Metadata::clone(&known.metadata),
            ClientId::new(self.oidc.client_id.clone()),
            None,
        )
        .set_redirect_uri(redirect_url);
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client
            .authorize_url(flow, || CsrfToken::new_random_len(32), || Nonce::new_random_len(32))
            .set_pkce_challenge(challenge)
            .add_scopes(
                self.oidc.scopes.iter().filter(|s| *s != "openid").cloned().map(Scope::new),
            );
        if let Some(age) = self.oidc.max_age {
            request = request.set_max_age(age);
        }
        let (url, state, nonce) = request.url();
        let kept = Kept {
            issuer: self.oidc.issuer.clone(),
            client_id: self.oidc.client_id.clone(),
            redirect: redirect.to_owned(),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        };
        let kept = serde_json::to_value(kept).map_err(|_| SignInRefused::Malformed)?;
        Ok((url.into(), kept))
    }

    /// Who came back with this query, given what was kept for this browser. The caller has taken that out of the store:
    /// whatever becomes of it here, it is used up.
    pub(crate) async fn finish(
        &self,
        query: &str,
        kept: Value,
    ) -> Result<Authenticated, SignInRefused> {
        let kept: Kept = serde_json::from_value(kept).map_err(|_| SignInRefused::NotBegun)?;
        let answer = Answer::read(query)?;
        if answer.state.as_deref() != Some(kept.state.as_str())
            || kept.issuer != self.oidc.issuer
            || kept.client_id != self.oidc.client_id
        {
            return Err(SignInRefused::NotBegun);
        }
        let known = self.known().await?;
        self.came_from_there(&answer, &known.metadata)?;
        if let Some(code) = answer.error {
            return Err(SignInRefused::Denied(code));
        }
        let code = answer.code.ok_or(SignInRefused::Malformed)?;
        let token = self.exchange(&known.metadata, code, &kept).await?;
        let claims = self.verified(&token, known, Nonce::new(kept.nonce)).await?;
        self.admitted(&claims)
    }

    /// RFC 9207 section 2.4: an answer that names another provider, or none where it always names itself, is another's.
    fn came_from_there(&self, answer: &Answer, metadata: &Metadata) -> Result<(), SignInRefused> {
        let always = metadata.additional_metadata().authorization_response_iss_parameter_supported;
        match &answer.issuer {
            Some(issuer) if *issuer == self.oidc.issuer => Ok(()),
            None if !always => Ok(()),
            _ => Err(SignInRefused::OtherIssuer),
        }
    }

    async fn exchange(
        &self,
        metadata: &Metadata,
        code: String,
        kept: &Kept,
    ) -> Result<CoreIdToken, SignInRefused> {
        let secret = self.oidc.secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let redirect =
            RedirectUrl::new(kept.redirect.clone()).map_err(|_| SignInRefused::NotBegun)?;
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            ClientId::new(self.oidc.client_id.clone()),
            secret,
        )
        .set_redirect_uri(redirect)
        .set_auth_type(auth_type(metadata));
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| SignInRefused::Setup("the provider names no token endpoint"))?
            .set_pkce_verifier(PkceCodeVerifier::new(kept.verifier.clone()));
        match request.request_async(&self.provider).await {
            Ok(tokens) => tokens.id_token().cloned().ok_or(SignInRefused::Token),
            Err(RequestTokenError::Request(why)) => Err(self.unavailable(&why.to_string())),
            Err(RequestTokenError::ServerResponse(said)) => {
                // The words of the provider may hold the code; its error code is one of a few.
                let code = said.error();
                tracing::warn!(issuer = %self.oidc.issuer, %code, "the OpenID provider gives no token");
                Err(match code {
                    CoreErrorResponseType::InvalidClient
                    | CoreErrorResponseType::UnauthorizedClient => SignInRefused::Setup(
                        "the provider does not take this client's id and secret",
                    ),
                    _ => SignInRefused::Code,
                })
            }
            Err(RequestTokenError::Parse(error, _)) => {
                let at = error.path().to_string();
                tracing::warn!(issuer = %self.oidc.issuer, at, "the OpenID provider's tokens can not be read");
                Err(SignInRefused::Token)
            }
            Err(RequestTokenError::Other(_)) => Err(SignInRefused::Token),
        }
    }

    /// The claims of the token, once all that `OpenID` Connect Core 1.0 section 3.1.3.7 asks for holds.
    async fn verified(
        &self,
        token: &CoreIdToken,
        known: Known,
        nonce: Nonce,
    ) -> Result<Map<String, Value>, SignInRefused> {
        let mut checked = self.check(token, &known.metadata, &nonce);
        if let Err(ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey,
        )) = checked
        {
            let newer = self.provider.newer(&known).await.map_err(|why| self.unavailable(&why))?;
            checked = self.check(token, &newer.metadata, &nonce);
        }
        checked.map_err(|why| {
            tracing::warn!(issuer = %self.oidc.issuer, "an ID token is refused: {why}");
            match why {
                ClaimsVerificationError::InvalidAuthTime(_) => SignInRefused::TooOld,
                _ => SignInRefused::Token,
            }
        })?;
        // The claims as they were signed: the library's own type knows the standard ones alone.
        let claims: Map<String, Value> =
            jsonwebtoken::dangerous::insecure_decode_claims(token.to_string())
                .map_err(|_| SignInRefused::Token)?;
        // Step 5, which the library leaves out.
        match claims.get("azp") {
            None => Ok(claims),
            Some(Value::String(azp)) if *azp == self.oidc.client_id => Ok(claims),
            Some(_) => Err(SignInRefused::Token),
        }
    }

    fn check(
        &self,
        token: &CoreIdToken,
        metadata: &Metadata,
        nonce: &Nonce,
    ) -> Result<(), ClaimsVerificationError> {
        let now = self.clock.now().seconds();
        let max_age = self.oidc.max_age.map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        // As for a public client: a shared secret signs nothing here.
        let verifier = CoreIdTokenVerifier::new_public_client(
            ClientId::new(self.oidc.client_id.clone()),
            self.issuer.clone(),
            metadata.jwks().clone(),
        )
        .set_allowed_algs(ALGORITHMS)
        .set_issue_time_verifier_fn(move |at| {
            let old = now.saturating_sub(at.timestamp());
            if (-LEEWAY..=FRESH).contains(&old) {
                Ok(())
            } else {
                Err("not issued just now".to_owned())
            }
        })
        .set_auth_time_verifier_fn(move |at| {
            let Some(max_age) = max_age else { return Ok(()) };
            let at = at.ok_or("it does not say when")?.timestamp();
            let old = now.saturating_sub(at);
            let allowed = max_age.saturating_add(LEEWAY);
            if (-LEEWAY..=allowed).contains(&old) { Ok(()) } else { Err("too long ago".to_owned()) }
        });
        token.claims(&verifier, nonce).map(drop)
    }

    /// Whom the claims speak of, if it is a person who speaks for themselves.
    fn admitted(&self, claims: &Map<String, Value>) -> Result<Authenticated, SignInRefused> {
        let who = self.oidc.claims.signed_in(&self.oidc.issuer, claims, INBOX_CLIENT);
        let who = who.map_err(|why| match why {
            AuthError::BadClaim(name) => SignInRefused::Claim(name),
            _ => SignInRefused::Token,
        })?;
        if who.method != Method::Interactive {
            // An issuer that asks nobody for proof says so.
            return Err(SignInRefused::Token);
        }
        let is_person = who.person.as_deref().is_some_and(|person| !person.trim().is_empty());
        if !is_person || !who.actors.is_empty() {
            return Err(SignInRefused::NoPerson);
        }
        Ok(Authenticated::vouch(who))
    }
}

/// Signatures that only the provider can make.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// In the header, unless the provider takes a client's secret in the body alone.
fn auth_type(metadata: &Metadata) -> AuthType {
    let Some(methods) = metadata.token_endpoint_auth_methods_supported() else {
        return AuthType::BasicAuth;
    };
    let takes = |method| methods.contains(&method);
    if !takes(CoreClientAuthMethod::ClientSecretBasic)
        && takes(CoreClientAuthMethod::ClientSecretPost)
    {
        AuthType::RequestBody
    } else {
        AuthType::BasicAuth
    }
}

/// What the browser brought back. Untrusted.
#[derive(Default)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    issuer: Option<String>,
    error: Option<String>,
}

impl Answer {
    /// Each parameter comes once (RFC 6749 section 3.1); those that nobody knows are left alone.
    fn read(query: &str) -> Result<Self, SignInRefused> {
        let mut answer = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "code" => &mut answer.code,
                "state" => &mut answer.state,
                "iss" => &mut answer.issuer,
                "error" => &mut answer.error,
                _ => continue,
            };
            if value.len() > MAX_VALUE || place.replace(value.into_owned()).is_some() {
                return Err(SignInRefused::Malformed);
            }
        }
        answer.error = answer.error.map(|code| plain(&code));
        Ok(answer)
    }
}

/// An error code as RFC 6749 has them, or a word in its place: the page shows it.
fn plain(code: &str) -> String {
    let known = |c: char| c.is_ascii_lowercase() || c == '_';
    if !code.is_empty() && code.len() <= 64 && code.chars().all(known) {
        code.to_owned()
    } else {
        "unknown_error".to_owned()
    }
}
