use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret as _, SecretBox};

/// A value that never reaches the model, an output or a log.
///
/// It has no `Serialize`, `Deserialize` or schema, so it can be neither an input nor an output; it lives in the
/// application's state. Memory is wiped when it is dropped.
///
/// ```
/// use mcp_secure::tool::Secret;
/// let key = Secret::new("sk_live_1".to_owned());
/// assert_eq!(format!("{key:?}"), "Secret([redacted])");
/// assert_eq!(key.expose(), "sk_live_1");
/// ```
pub struct Secret<T: Zeroize>(SecretBox<T>);

impl<T: Zeroize> Secret<T> {
    /// Keeps `value` secret.
    pub fn new(value: T) -> Self {
        Self(SecretBox::new(Box::new(value)))
    }

    /// The value; the one way to it, so that a search finds each use.
    pub fn expose(&self) -> &T {
        self.0.expose_secret()
    }
}

impl<T: Zeroize> std::fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret([redacted])")
    }
}
