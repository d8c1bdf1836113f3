//! The local development issuer: a key of its own in a sandbox, and tokens for the people declared there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use jsonwebtoken::{EncodingKey, Header};
use rand::TryRngCore as _;

use super::{
    Claims, DataDir, DataDirError, Issuer, IssuerError, Person, PersonMapping, StaticKeys,
    VerifyKey, private_file,
};
use crate::canon::Digest;
use crate::clock::Timestamp;

/// The issuer of every account that only this machine vouches for.
pub const LOCAL_ISSUER: &str = "urn:mcp-secure:local";

const KEY_FILE: &str = "local-issuer.key";
/// The client that a token made on the command line names.
const CLIENT: &str = "local-token";
/// The client of a token for decisions. Never the one that tools are called through: what asked does not decide.
const APPROVALS_CLIENT: &str = "local-approvals";
/// The scope that the decision API takes.
pub(crate) const DECIDE_SCOPE: &str = "approvals:decide";
/// The longest life of a local token: a development token that is forgotten should end.
const MAX_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// What precedes the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410 section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Why the local issuer makes no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The data folder is no sandbox.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The key file cannot be read or made, or others may open it.
    #[error("local issuer key `{}`: {source}", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The life asked for.
    #[error("a local token lives at least a second and at most 30 days")]
    Life,
    /// Signing failed.
    #[error("the token could not be signed")]
    Signing,
    /// The audience or the like cannot be configured.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
}

/// Makes and verifies tokens of the people of a sandbox.
pub struct LocalIssuer {
    signing: EncodingKey,
    public: [u8; 32],
    key_id: String,
    audience: String,
}

impl std::fmt::Debug for LocalIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalIssuer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[derive(serde::Serialize)]
struct TokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    client_id: &'a str,
    tenant: &'a str,
    roles: Vec<&'a str>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<&'a str>,
    identity: &'a str,
}

impl LocalIssuer {
    /// Opens the issuer of a sandbox, and makes its key on first use. Another folder's keys are not even looked at.
    pub fn open(dir: &DataDir, audience: impl Into<String>) -> Result<Self, IssueError> {
        dir.sandbox()?;
        let path = dir.path().join(KEY_FILE);
        let seed = load_or_make(&path).map_err(|source| IssueError::Key { path, source })?;
        let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        let der: Vec<u8> = PKCS8_PREFIX.iter().chain(&seed).copied().collect();
        let key_id = Digest::of_bytes(&public).to_hex().chars().take(16).collect();
        let signing = EncodingKey::from_ed_der(&der);
        Ok(Self { signing, public, key_id, audience: audience.into() })
    }

    /// A token of `person` for MCP that ends `life` after `now`.
    pub fn issue(
        &self,
        person: &Person,
        life: Duration,
        now: Timestamp,
    ) -> Result<String, IssueError> {
        self.sign(person, (CLIENT, &self.audience, None), life, now)
    }

    /// The same for the decision API, which takes no other, and for which MCP takes no other than [`issue`](Self::issue)
    /// makes.
    pub fn issue_for_approvals(
        &self,
        person: &Person,
        life: Duration,
        now: Timestamp,
    ) -> Result<String, IssueError> {
        let audience = self.approvals_audience();
        self.sign(person, (APPROVALS_CLIENT, &audience, Some(DECIDE_SCOPE)), life, now)
    }

    fn approvals_audience(&self) -> String {
        format!("{}:approvals", self.audience)
    }

    fn sign(
        &self,
        person: &Person,
        (client, audience, scope): (&str, &str, Option<&str>),
        life: Duration,
        now: Timestamp,
    ) -> Result<String, IssueError> {
        if life < Duration::from_secs(1) || life > MAX_LIFE {
            return Err(IssueError::Life);
        }
        let life = i64::try_from(life.as_secs()).map_err(|_| IssueError::Life)?;
        let principal = person.principal(client, super::Method::Asserted);
        let scopes = principal.scopes.iter().map(String::as_str).chain(scope);
        let claims = TokenClaims {
            iss: LOCAL_ISSUER,
            sub: &principal.subject,
            aud: audience,
            exp: now.seconds().saturating_add(life),
            nbf: now.seconds(),
            iat: now.seconds(),
            jti: uuid::Uuid::new_v4().to_string(),
            client_id: client,
            tenant: &principal.tenant,
            roles: principal.roles.iter().map(String::as_str).collect(),
            scope: scopes.collect::<Vec<_>>().join(" "),
            person: principal.person.as_deref(),
            identity: "asserted",
        };
        let mut header = Header::new(jsonwebtoken::Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, &claims, &self.signing).map_err(|_| IssueError::Signing)
    }

    /// This issuer as one whose tokens a [`JwtAuthenticator`](super::JwtAuthenticator) accepts.
    pub fn issuer(&self) -> Result<Issuer, IssueError> {
        self.issuer_for(self.audience.clone())
    }

    /// The same, of tokens for the decision API.
    pub(crate) fn approvals_issuer(&self) -> Result<Issuer, IssueError> {
        Ok(self.issuer_for(self.approvals_audience())?.only_this_audience())
    }

    fn issuer_for(&self, audience: String) -> Result<Issuer, IssueError> {
        let key = VerifyKey::ed25519(self.key_id.clone(), &self.public);
        let keys = StaticKeys::new([key]).map_err(|_| IssueError::Signing)?;
        let claims = Claims { person: local_mapping(), ..Claims::default() };
        let issuer = Issuer::new(LOCAL_ISSUER, audience, Arc::new(keys))?;
        Ok(issuer.claims(claims).asserted())
    }
}

/// How the local issuer's tokens name a person.
pub(crate) fn local_mapping() -> PersonMapping {
    PersonMapping::Claim("person".into())
}

/// The 32 secret bytes, kept as hexadecimal.
fn load_or_make(path: &Path) -> io::Result<[u8; 32]> {
    if let Err(e) = std::fs::symlink_metadata(path) {
        if e.kind() != io::ErrorKind::NotFound {
            return Err(e);
        }
        let mut seed = [0_u8; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut seed).map_err(io::Error::other)?;
        // Of two processes one writes; both read what is there then.
        private_file::create(path, format!("{}\n", hex::encode(seed)).as_bytes())?;
    }
    let text = private_file::read(path, 128)?;
    let mut seed = [0_u8; 32];
    hex::decode_to_slice(text.trim_ascii(), &mut seed)
        .map_err(|_| io::Error::other("it is not 64 hexadecimal characters"))?;
    Ok(seed)
}
