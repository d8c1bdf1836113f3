use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::Sha256;

/// What a secret begins with, in the Standard Webhooks specification.
const PREFIX: &str = "whsec_";
/// The version of a signature: HMAC with SHA-256.
const VERSION: &str = "v1,";
/// As long as what the hash puts out, so that the secret is not what gives way first (RFC 2104 section 3).
const SHORTEST: usize = 32;
/// The specification's bound.
const LONGEST: usize = 64;

/// Why a secret can not be one. It says nothing of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFault {
    /// It is not written as the specification says, so that two libraries would read two keys.
    #[error(
        "a secret is `whsec_` and the base64 of 32 to 64 random bytes; make one with \
         `echo whsec_$(openssl rand -base64 32)`"
    )]
    Form,
    /// It could be guessed.
    #[error(
        "the secret has fewer than 32 bytes; make one with `echo whsec_$(openssl rand -base64 32)`"
    )]
    Short,
    /// Other libraries refuse it.
    #[error(
        "the secret has more than 64 bytes; make one with `echo whsec_$(openssl rand -base64 32)`"
    )]
    Long,
    /// There is none.
    #[error("there is no secret; give one, or nobody can tell a message from a forged one")]
    None,
}

/// A secret that both ends share.
pub(super) struct Key(SecretSlice<u8>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    pub(super) fn read(secret: &SecretString) -> Result<Self, SecretFault> {
        let text = secret.expose_secret().strip_prefix(PREFIX).ok_or(SecretFault::Form)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| SecretFault::Form)?;
        let length = bytes.len();
        let key = Self(bytes.into());
        match length {
            ..SHORTEST => Err(SecretFault::Short),
            SHORTEST..=LONGEST => Ok(key),
            _ => Err(SecretFault::Long),
        }
    }

    #[cfg(test)]
    pub(super) fn of_any_length(bytes: &[u8]) -> Self {
        Self(bytes.to_vec().into())
    }

    /// What is signed: the id, the time and the body, joined by dots. An id with a dot in it could be read in two ways.
    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
        if id.contains('.') || timestamp.contains('.') {
            return None;
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).ok()?;
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        Some(mac)
    }

    /// The signature as the header has it.
    #[cfg_attr(
        not(any(feature = "webhooks", test)),
        expect(dead_code, reason = "who receives signs nothing")
    )]
    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
        let tag = self.mac(id, timestamp, body)?.finalize().into_bytes();
        Some(format!("{VERSION}{}", BASE64_STANDARD.encode(tag)))
    }

    /// Whether `signature` is this key's. The comparison takes the same time wherever they differ.
    pub(super) fn signed(&self, id: &str, timestamp: &str, body: &[u8], signature: &str) -> bool {
        let tag = signature.strip_prefix(VERSION).map(|text| BASE64_STANDARD.decode(text));
        match (tag, self.mac(id, timestamp, body)) {
            (Some(Ok(tag)), Some(mac)) => mac.verify_slice(&tag).is_ok(),
            _ => false,
        }
    }
}
