use super::progress::Pace;
use secrecy::SecretString;
use std::time::Duration;

/// How long one attempt may take, from looking the name up to the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where requests for approval are announced.
///
/// ```
/// use mcp_secure::prelude::*;
/// use mcp_secure::webhook::{Target, Webhooks};
///
/// // From the environment, not from the code: `whsec_` and the base64 of 32 random bytes.
/// let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// let ops = Target::new("ops", "https://hooks.example.com/mcp").secret(secret);
/// let server = Server::builder(|_| Ok::<(), String>(())).webhooks(Webhooks::new().to(ops));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Webhooks {
    pub(super) targets: Vec<Target>,
    pub(super) timeout: Duration,
    pub(super) pace: Pace,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self { targets: Vec::new(), timeout: TIMEOUT, pace: Pace::default() }
    }
}

impl Webhooks {
    /// Nowhere yet: without targets nothing is announced and nothing runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more target.
    pub fn to(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// How long one attempt may take, from looking the name up to the answer: 10 seconds unless said, a second at least
    /// and 30 at most.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.clamp(Duration::from_secs(1), Duration::from_secs(30));
        self
    }

    /// Whether there is anybody to tell.
    pub(crate) fn announces(&self) -> bool {
        !self.targets.is_empty()
    }
}

/// One server that is told, under a name of its own. What is wrong with it is said at start-up.
#[derive(Clone)]
#[must_use]
pub struct Target {
    pub(super) name: String,
    pub(super) url: SecretString,
    pub(super) secrets: Vec<SecretString>,
    pub(super) tenants: Vec<String>,
    pub(super) private: bool,
    pub(super) plain: bool,
}

impl std::fmt::Debug for Target {
    /// Without the URL: the path of many is a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Target {
    /// A target at an `https` URL, which counts as a secret: no error, log or record repeats it.
    ///
    /// The name stands for it in logs and in the record, and by it the store knows who has been told: under another name
    /// it is another target.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into().into(),
            secrets: Vec::new(),
            tenants: Vec::new(),
            private: false,
            plain: false,
        }
    }

    /// What both ends share: `whsec_` and the base64 of 32 to 64 random bytes (`echo whsec_$(openssl rand -base64 32)`).
    ///
    /// Called again, messages are signed with each of them. That is how one is changed: here the new one beside the old
    /// one, then the new one at the receiver, then here the old one away.
    pub fn secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// Tells it of this tenant's requests alone. Called again, of that one's as well. Unless said, of every tenant's.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenants.push(tenant.into());
        self
    }

    /// Lets it be in a private network (RFC 1918, RFC 4193, RFC 6598) or on this machine.
    ///
    /// Link-local addresses, behind which cloud machines keep their credentials, are refused all the same.
    pub fn allow_private_addresses(mut self) -> Self {
        self.private = true;
        self
    }

    /// Lets the URL be `http`, if it leads to this machine and nowhere else: for development, and for a program beside
    /// this one.
    pub fn allow_http_on_loopback(mut self) -> Self {
        self.plain = true;
        self
    }
}
