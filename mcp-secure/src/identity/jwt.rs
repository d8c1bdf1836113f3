//! Bearer tokens that are JSON Web Tokens of configured issuers (RFC 7519, RFC 8725, RFC 9068).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::{Header, Validation};
use serde_json::{Map, Value};

use super::cache::{Cache, Entry};
use super::{
    AuthError, Authenticated, Authenticator, Claims, Credentials, KeySource, PersonMapping,
    VerifyKey,
};
use crate::canon::Digest;
use crate::clock::Clock;

/// The largest token looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;
/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 30;
/// How many verified tokens are remembered.
const CACHED: usize = 16 * 1024;

/// An issuer whose tokens are accepted.
///
/// ```
/// use std::sync::Arc;
/// use mcp_secure::identity::{Claims, Issuer, PersonMapping, StaticKeys};
///
/// # let key_set = serde_json::json!({"keys": [{
/// #     "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
/// # }]});
/// let keys = StaticKeys::from_jwks(&key_set)?;
/// let issuer = Issuer::new("https://login.example.com", "https://mcp.example.com", Arc::new(keys))?
///     .claims(Claims {
///         roles: "/realm_access/roles".into(),
///         person: PersonMapping::Claim("employee".into()),
///         ..Claims::default()
///     });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Issuer {
    name: String,
    audience: String,
    keys: Arc<dyn KeySource>,
    claims: Claims,
    types: Vec<String>,
    asserted: bool,
    only_audience: bool,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer")
            .field("name", &self.name)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// Why an issuer cannot be configured so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// The issuer's name is empty, or has `|` or control characters in it, which would make accounts ambiguous.
    #[error(
        "`{0}` cannot name an issuer: it is empty, or holds `|`, white space or control characters"
    )]
    BadName(String),
    /// The audience is empty.
    #[error("issuer `{0}` has an empty audience; name this server's resource identifier")]
    NoAudience(String),
    /// Two issuers of one name.
    #[error("issuer `{0}` is configured twice")]
    Twice(String),
}

impl Issuer {
    /// The issuer `name` (its `iss`, exactly), tokens for `audience` (RFC 8707), verified with `keys`.
    pub fn new(
        name: impl Into<String>,
        audience: impl Into<String>,
        keys: Arc<dyn KeySource>,
    ) -> Result<Self, IssuerError> {
        let (name, audience) = (name.into(), audience.into());
        if name.is_empty()
            || name.contains(|c: char| c == '|' || c.is_control() || c.is_whitespace())
        {
            return Err(IssuerError::BadName(name.escape_debug().to_string()));
        }
        if audience.is_empty() {
            return Err(IssuerError::NoAudience(name));
        }
        let types = vec!["at+jwt".to_owned()];
        Ok(Self {
            name,
            audience,
            keys,
            claims: Claims::default(),
            types,
            asserted: false,
            only_audience: false,
        })
    }

    /// Which claims hold what.
    #[must_use]
    pub fn claims(mut self, claims: Claims) -> Self {
        self.claims = claims;
        self
    }

    /// Accepts tokens of this `typ` too. Many issuers say `JWT`; then ID tokens are told apart by audience alone.
    #[must_use]
    pub fn accept_type(mut self, typ: impl Into<String>) -> Self {
        self.types.push(typ.into());
        self
    }

    /// Takes no token that is for anything else as well: with one for two services, each of them could act at the other.
    #[must_use]
    pub(crate) fn only_this_audience(mut self) -> Self {
        self.only_audience = true;
        self
    }

    /// Its `iss`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What its tokens have to be for.
    pub(crate) fn audience(&self) -> &str {
        &self.audience
    }

    /// How its tokens name a person.
    pub(crate) fn person(&self) -> &PersonMapping {
        &self.claims.person
    }

    /// Says that this issuer asks nobody for proof.
    pub(super) fn asserted(mut self) -> Self {
        self.asserted = true;
        self
    }
}

/// What names a token to a revocation list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenId<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The account.
    pub subject: &'a str,
    /// The token's own id (`jti`).
    pub id: Option<&'a str>,
    /// When it was issued, in seconds since the Unix epoch.
    pub issued_at: Option<i64>,
}

/// The revocation list cannot be asked. The token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the revocation list cannot be asked")]
pub struct RevocationsUnavailable;

/// Tokens that count no longer, asked at every use of a token. It answers from memory.
pub trait Revocations: Send + Sync {
    /// Whether the token is revoked. An error refuses the token.
    fn is_revoked(&self, token: &TokenId<'_>) -> Result<bool, RevocationsUnavailable>;
}

/// Verifies bearer tokens of the configured issuers.
///
/// With no issuer it accepts nothing.
pub struct JwtAuthenticator {
    issuers: Vec<Issuer>,
    by_name: HashMap<String, usize>,
    revocations: Option<Arc<dyn Revocations>>,
    clock: Clock,
    cache: Cache,
}

impl std::fmt::Debug for JwtAuthenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtAuthenticator").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}

impl JwtAuthenticator {
    /// Accepts tokens of these issuers.
    pub fn new(
        issuers: impl IntoIterator<Item = Issuer>,
        clock: Clock,
    ) -> Result<Self, IssuerError> {
        let issuers: Vec<Issuer> = issuers.into_iter().collect();
        let mut by_name = HashMap::new();
        for (i, issuer) in issuers.iter().enumerate() {
            if by_name.insert(issuer.name.clone(), i).is_some() {
                return Err(IssuerError::Twice(issuer.name.clone()));
            }
        }
        Ok(Self { issuers, by_name, revocations: None, clock, cache: Cache::new(CACHED) })
    }

    /// Asks this list at every use of a token.
    #[must_use]
    pub fn revocations(mut self, list: Arc<dyn Revocations>) -> Self {
        self.revocations = Some(list);
        self
    }

    fn check(&self, token: &str) -> Result<Authenticated, AuthError> {
        if token.len() > MAX_TOKEN {
            return Err(AuthError::TooLarge);
        }
        let digest = Digest::of_bytes(token.as_bytes());
        let (now, here) = (self.clock.now(), Instant::now());
        let entry = match self.cache.get(&digest) {
            Some(entry) if self.still_vouched_for(&entry) => entry,
            _ => {
                let entry = Arc::new(self.verify(token, now.seconds())?);
                self.cache.put(digest, Arc::clone(&entry));
                entry
            }
        };
        if now.seconds() >= entry.dead_at {
            self.cache.forget(&digest);
            return Err(AuthError::Expired);
        }
        self.not_revoked(&entry)?;
        // In the time that passes here: a clock that is set meanwhile lengthens nothing.
        let left = entry.dead_at.saturating_mul(1000).saturating_sub(now.millis());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        // One that ends beyond all time never does.
        Ok(match here.checked_add(left) {
            Some(until) => entry.who.clone().ending(until),
            None => entry.who.clone(),
        })
    }

    fn still_vouched_for(&self, entry: &Entry) -> bool {
        self.issuers.get(entry.issuer).is_some_and(|i| i.keys.generation() == entry.generation)
    }

    fn not_revoked(&self, entry: &Entry) -> Result<(), AuthError> {
        let Some(list) = &self.revocations else { return Ok(()) };
        let token = TokenId {
            issuer: &entry.who.issuer,
            subject: &entry.who.subject,
            id: entry.token_id.as_deref(),
            issued_at: entry.issued_at,
        };
        match list.is_revoked(&token) {
            Ok(false) => Ok(()),
            Ok(true) => Err(AuthError::Revoked),
            Err(RevocationsUnavailable) => Err(AuthError::Unavailable),
        }
    }

    fn verify(&self, token: &str, now: i64) -> Result<Entry, AuthError> {
        let header = jsonwebtoken::decode_header(token).map_err(|e| unreadable(&e))?;
        // Read before the signature holds, to choose whose keys to try; looked at again afterwards.
        let unproven: Map<String, Value> =
            jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|e| unreadable(&e))?;
        let name = unproven.get("iss").and_then(Value::as_str).ok_or(AuthError::UnknownIssuer)?;
        let index = *self.by_name.get(name).ok_or(AuthError::UnknownIssuer)?;
        let issuer = self.issuers.get(index).ok_or(AuthError::UnknownIssuer)?;
        // Taken before the key: a key set that changes in between leaves an entry that no longer counts.
        let generation = issuer.keys.generation();
        let key = issuer.keys.find(header.kid.as_deref()).ok_or(AuthError::UnknownKey)?;
        check_header(&header, &key, &issuer.types)?;
        let claims = proven(token, &key)?;
        if claims.get("iss").and_then(Value::as_str) != Some(&issuer.name) {
            return Err(AuthError::UnknownIssuer);
        }
        if !audience_holds(claims.get("aud"), issuer) {
            return Err(AuthError::WrongAudience);
        }
        let dead_at =
            time_claim(&claims, "exp")?.ok_or(AuthError::BadClaim("exp"))?.saturating_add(LEEWAY);
        let issued_at = time_claim(&claims, "iat")?;
        for begins in [time_claim(&claims, "nbf")?, issued_at].into_iter().flatten() {
            if begins > now.saturating_add(LEEWAY) {
                return Err(AuthError::NotYetValid);
            }
        }
        let mut principal = issuer.claims.principal(&issuer.name, &claims, issuer.only_audience)?;
        if issuer.asserted {
            principal.method = super::Method::Asserted;
        }
        let token_id = claims.get("jti").and_then(Value::as_str).map(str::to_owned);
        let who = Authenticated::vouch(principal);
        Ok(Entry { who, dead_at, issuer: index, generation, token_id, issued_at })
    }
}

impl Authenticator for JwtAuthenticator {
    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Authenticated, AuthError> {
        match credentials {
            Credentials::Bearer(token) => self.check(token),
            Credentials::Local => Err(AuthError::Missing),
        }
    }
}

fn unreadable(error: &jsonwebtoken::errors::Error) -> AuthError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => AuthError::WrongAlgorithm,
        _ => AuthError::Malformed,
    }
}

/// The header decides nothing: it has to agree with what is pinned. `jwk`, `jku` and the like are never followed.
fn check_header(header: &Header, key: &VerifyKey, types: &[String]) -> Result<(), AuthError> {
    if header.alg != key.algorithm.jwt() {
        return Err(AuthError::WrongAlgorithm);
    }
    // RFC 7515 section 4.1.11: an extension that is not understood refuses the token; none is.
    if header.crit.is_some() || header.enc.is_some() || header.zip.is_some() {
        return Err(AuthError::Malformed);
    }
    let typ = header.typ.as_deref().ok_or(AuthError::WrongType)?;
    let typ = match typ.get(..12) {
        Some(prefix) if prefix.eq_ignore_ascii_case("application/") => typ.get(12..).unwrap_or(""),
        _ => typ,
    };
    if types.iter().any(|accepted| accepted.eq_ignore_ascii_case(typ)) {
        return Ok(());
    }
    Err(AuthError::WrongType)
}

/// The claims, once the signature holds.
fn proven(token: &str, key: &VerifyKey) -> Result<Map<String, Value>, AuthError> {
    let mut only_signature = Validation::new(key.algorithm.jwt());
    // The rest is checked by the caller: against the one clock of this crate, and by exact types.
    only_signature.required_spec_claims.clear();
    only_signature.validate_exp = false;
    only_signature.validate_nbf = false;
    only_signature.validate_aud = false;
    jsonwebtoken::decode::<Map<String, Value>>(token, &key.key, &only_signature)
        .map(|data| data.claims)
        .map_err(|e| match e.kind() {
            // Of a token that is signed well but whose claims are not even of the registered types.
            jsonwebtoken::errors::ErrorKind::Json(_) => AuthError::Malformed,
            _ => AuthError::BadSignature,
        })
}

fn audience_holds(claim: Option<&Value>, issuer: &Issuer) -> bool {
    let ours = |one: &Value| one.as_str() == Some(&issuer.audience);
    match claim {
        Some(Value::Array(many)) if issuer.only_audience => {
            many.len() == 1 && many.iter().all(ours)
        }
        Some(Value::Array(many)) => many.iter().any(ours),
        Some(one) => ours(one),
        None => false,
    }
}

/// A `NumericDate` in whole seconds, rounded down (RFC 7519 section 2 allows fractions).
fn time_claim(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, AuthError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    if let Some(whole) = value.as_i64() {
        return Ok(Some(whole));
    }
    #[expect(clippy::cast_possible_truncation, reason = "held within the range first")]
    match value.as_f64() {
        Some(seconds) if (0.0..1e15).contains(&seconds) => Ok(Some(seconds.floor() as i64)),
        _ => Err(AuthError::BadClaim(name)),
    }
}
