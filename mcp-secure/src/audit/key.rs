//! The key that makes values unreadable yet comparable.

use super::AuditError;
use super::file::{create_private, sync_parent};
use crate::canon::{Digest, canonical};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// The key of redaction: whoever holds it can tell whether a record speaks of a value they know.
///
/// ```
/// use mcp_secure::audit::AuditKey;
/// let key = AuditKey::new("k1", &[7; 32]);
/// let shown = key.redact("acme", "amount_cents", &serde_json::json!(1200));
/// assert!(shown["hmac"].as_str().is_some_and(|s| s.starts_with("k1:")));
/// ```
#[derive(Clone)]
pub struct AuditKey {
    id: String,
    // Holds the key's schedule, so that a value costs no second pass over the key.
    mac: Option<Hmac<Sha256>>,
}

impl std::fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl AuditKey {
    /// A key and the id that records name it by.
    #[must_use]
    pub fn new(id: impl Into<String>, key: &[u8; 32]) -> Self {
        Self { id: id.into(), mac: Hmac::new_from_slice(key).ok() }
    }

    /// The id that records name the key by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Reads the key at `path` (one line, `<id>:<64 hexadecimal digits>`), or makes a random one there.
    ///
    /// Processes that start together end up with the same key. A file that others may read is refused.
    pub fn load_or_create(path: &Path) -> Result<Self, AuditError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Self::create(path)?;
                let text = std::fs::read_to_string(path)
                    .map_err(|e| AuditError::key(path, e.to_string()))?;
                Self::parse(path, &text)
            }
            Err(error) => Err(AuditError::key(path, error.to_string())),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, AuditError> {
        refuse_if_shared(path)?;
        let wrong =
            || AuditError::key(path, "it is not `<id>:<64 hexadecimal digits>` on one line");
        let (id, digits) = text.trim_end().split_once(':').ok_or_else(wrong)?;
        let well_named =
            !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let mut key = [0_u8; 32];
        if !well_named || hex::decode_to_slice(digits, &mut key).is_err() {
            return Err(wrong());
        }
        Ok(Self::new(id, &key))
    }

    /// Written aside and linked into place, so that a reader never sees half a key and the first maker wins.
    fn create(path: &Path) -> Result<(), AuditError> {
        let fault = |e: std::io::Error| AuditError::key(path, e.to_string());
        let aside = path.with_extension(format!("{:016x}.new", rand::random::<u64>()));
        let mut file = create_private(&aside).map_err(fault)?;
        let linked = file
            .write_all(format!("k1:{}\n", hex::encode(rand::random::<[u8; 32]>())).as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::hard_link(&aside, path));
        let removed = std::fs::remove_file(&aside);
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(fault(error)),
            _ => removed.and_then(|()| sync_parent(path)).map_err(fault),
        }
    }

    /// What a record shows in place of `value`: an HMAC-SHA256 bound to tenant and field, with the key's id.
    ///
    /// Equal values in one field of one tenant look equal, so a known value can be searched for; nothing else can be
    /// compared. Numbers are covered too. A value made of nothing but booleans and nulls is omitted: an HMAC of a yes
    /// or no hides nothing. For other tiny domains, such as an enumeration, use [`AuditKey::omitted`].
    #[must_use]
    pub fn redact(&self, tenant: &str, field: &str, value: &Value) -> Value {
        if is_tiny(value) {
            return Self::omitted();
        }
        let (Ok(bytes), Some(mac)) = (canonical(value), &self.mac) else {
            return Self::omitted();
        };
        let mut mac = mac.clone();
        mac.update(b"mcp-secure audit value v1");
        // Each part is preceded by its length: joined bare, ("ab", "c") and ("a", "bc") would look equal.
        for part in [tenant.as_bytes(), field.as_bytes(), &bytes] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let digest = Digest::from_bytes(mac.finalize().into_bytes().into());
        json!({ "hmac": format!("{}:{digest}", self.id) })
    }

    /// What a record shows in place of the digest of arguments.
    ///
    /// A bare digest of few and small arguments could be guessed back, so it is keyed as they are.
    #[must_use]
    pub fn seal(&self, tenant: &str, digest: &Digest) -> Option<Digest> {
        let mut mac = self.mac.clone()?;
        mac.update(b"mcp-secure audit digest v1");
        for part in [tenant.as_bytes(), digest.as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Some(Digest::from_bytes(mac.finalize().into_bytes().into()))
    }

    /// A key for `purpose` and nothing else, from which this one can not be found.
    #[must_use]
    pub(crate) fn derived(&self, purpose: &str) -> Option<[u8; 32]> {
        let mut mac = self.mac.clone()?;
        mac.update(b"mcp-secure derived key v1");
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        Some(mac.finalize().into_bytes().into())
    }

    /// What a record shows in place of a value from a tiny domain.
    #[must_use]
    pub fn omitted() -> Value {
        json!({ "omitted": true })
    }
}

fn is_tiny(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(_) | Value::String(_) => false,
        Value::Array(items) => items.iter().all(is_tiny),
        Value::Object(map) => map.values().all(is_tiny),
    }
}

#[cfg(unix)]
fn refuse_if_shared(path: &Path) -> Result<(), AuditError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path)
        .map_err(|e| AuditError::key(path, e.to_string()))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(AuditError::key(
            path,
            "others may read it; run `chmod 600` on it and consider it known",
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the Unix version can fail")]
fn refuse_if_shared(_path: &Path) -> Result<(), AuditError> {
    Ok(())
}
