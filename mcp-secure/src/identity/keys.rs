//! The keys of an issuer, each pinned to one algorithm.

use std::collections::HashMap;
use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{DecodingKey, DecodingKeyKind};

/// The signature algorithms accepted. Every one is asymmetric: there is no way to say `none` or a shared secret, so a
/// public key can never be taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// P-256 with SHA-256.
    Es256,
    /// P-384 with SHA-384.
    Es384,
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// RSA PKCS #1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS #1 v1.5 with SHA-512.
    Rs512,
    /// RSA PSS with SHA-256.
    Ps256,
    /// RSA PSS with SHA-384.
    Ps384,
    /// RSA PSS with SHA-512.
    Ps512,
}

impl Algorithm {
    pub(super) const fn jwt(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Es384 => jsonwebtoken::Algorithm::ES384,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Rs384 => jsonwebtoken::Algorithm::RS384,
            Self::Rs512 => jsonwebtoken::Algorithm::RS512,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Ps384 => jsonwebtoken::Algorithm::PS384,
            Self::Ps512 => jsonwebtoken::Algorithm::PS512,
        }
    }

    fn rsa(name: Option<&str>) -> Option<Self> {
        // A key set may leave `alg` out (RFC 7517 section 4.4); RS256 is what every OIDC issuer has to offer.
        Some(match name.unwrap_or("RS256") {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            _ => return None,
        })
    }
}

/// Why a key cannot be used. It shows no key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a key set (RFC 7517).
    #[error("it is no JSON Web Key Set: {0}")]
    NotAKeySet(String),
    /// A kind of key that is not accepted: shared secrets never are.
    #[error("key `{0}` is of a kind this server does not accept; use Ed25519, P-256, P-384 or RSA")]
    Unsupported(String),
    /// An RSA key under 2048 bits.
    #[error("key `{0}` is an RSA key of fewer than 2048 bits")]
    TooShort(String),
    /// Two keys of one id.
    #[error("two keys have the id `{0}`")]
    Twice(String),
    /// A private key in a set that is meant to be public.
    #[error("key `{0}` is a private key; a key set holds public ones")]
    Private(String),
}

/// A public key, its id, and the one algorithm it verifies.
#[derive(Debug, Clone)]
pub struct VerifyKey {
    pub(super) id: String,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl VerifyKey {
    /// An Ed25519 public key.
    #[must_use]
    pub fn ed25519(id: impl Into<String>, public: &[u8; 32]) -> Self {
        Self { id: id.into(), algorithm: Algorithm::EdDsa, key: DecodingKey::from_ed_der(public) }
    }

    /// One key of a key set. Keys for encryption are `None`.
    fn from_jwk(value: &serde_json::Value) -> Result<Option<Self>, KeyError> {
        let jwk: Jwk = serde_json::from_value(value.clone())
            .map_err(|e| KeyError::NotAKeySet(e.to_string()))?;
        let id = jwk.common.key_id.clone().unwrap_or_default();
        if ["d", "p", "q", "k"].iter().any(|member| value.get(*member).is_some()) {
            return Err(KeyError::Private(id));
        }
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return Ok(None);
        }
        let unsupported = || KeyError::Unsupported(id.clone());
        let named = value.get("alg").and_then(serde_json::Value::as_str);
        let (algorithm, standard) = match &jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(p) if p.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDsa, Some("EdDSA"))
            }
            AlgorithmParameters::EllipticCurve(p) if p.curve == EllipticCurve::P256 => {
                (Algorithm::Es256, Some("ES256"))
            }
            AlgorithmParameters::EllipticCurve(p) if p.curve == EllipticCurve::P384 => {
                (Algorithm::Es384, Some("ES384"))
            }
            AlgorithmParameters::RSA(_) => (Algorithm::rsa(named).ok_or_else(unsupported)?, None),
            _ => return Err(unsupported()),
        };
        if let (Some(standard), Some(named)) = (standard, named)
            && standard != named
        {
            return Err(unsupported());
        }
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| unsupported())?;
        match key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, .. } if n.len() < 256 => {
                return Err(KeyError::TooShort(id));
            }
            // The verifier takes the first 32 bytes without looking.
            DecodingKeyKind::SecretOrDer(bytes)
                if algorithm == Algorithm::EdDsa && bytes.len() != 32 =>
            {
                return Err(unsupported());
            }
            _ => {}
        }
        Ok(Some(Self { id, algorithm, key }))
    }
}

/// Where an issuer's keys come from.
///
/// It answers from memory. A source that fetches a key set does so on a task of its own, and takes
/// [`find`](Self::find) of an unknown id as a hint to fetch again soon.
pub trait KeySource: Send + Sync {
    /// The key of that id; without an id, the only key there is.
    fn find(&self, id: Option<&str>) -> Option<Arc<VerifyKey>>;

    /// A number that changes whenever a key was added or taken away. Tokens verified under another one are verified
    /// again, so a key that was withdrawn vouches for nothing from then on.
    fn generation(&self) -> u64;
}

/// Keys given at start-up.
#[derive(Debug, Clone, Default)]
pub struct StaticKeys(HashMap<String, Arc<VerifyKey>>);

impl StaticKeys {
    /// These keys. Two of one id are refused.
    pub fn new(keys: impl IntoIterator<Item = VerifyKey>) -> Result<Self, KeyError> {
        let mut map = HashMap::new();
        for key in keys {
            if let Some(first) = map.insert(key.id.clone(), Arc::new(key)) {
                return Err(KeyError::Twice(first.id.clone()));
            }
        }
        Ok(Self(map))
    }

    /// The signature keys of a JSON Web Key Set (RFC 7517 section 5).
    pub fn from_jwks(set: &serde_json::Value) -> Result<Self, KeyError> {
        let keys = set
            .get("keys")
            .and_then(serde_json::Value::as_array)
            .ok_or_else(|| KeyError::NotAKeySet("it has no `keys`".to_owned()))?;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.extend(VerifyKey::from_jwk(key)?);
        }
        Self::new(found)
    }
}

impl KeySource for StaticKeys {
    fn find(&self, id: Option<&str>) -> Option<Arc<VerifyKey>> {
        match id {
            Some(id) => self.0.get(id).cloned(),
            None if self.0.len() == 1 => self.0.values().next().cloned(),
            None => None,
        }
    }

    fn generation(&self) -> u64 {
        0
    }
}
