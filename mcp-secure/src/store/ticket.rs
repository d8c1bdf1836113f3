use crate::clock::Timestamp;
use serde_json::Value;

/// What a ticket lets somebody do. Each kind is looked up by itself: one is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TicketKind {
    /// Signs one person in, once.
    Link,
    /// A sign-in with an issuer that is under way.
    SignIn,
    /// Somebody who is signed in.
    Session,
}

impl TicketKind {
    /// The word in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::SignIn => "sign_in",
            Self::Session => "session",
        }
    }
}

/// A ticket as it is made. The store keeps the digest of its secret, never the secret.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTicket {
    /// What it is for.
    pub kind: TicketKind,
    /// What it says. Trusted, as everything in the store.
    pub content: Value,
    /// How long it is good for, in milliseconds.
    pub expires_in_ms: u64,
}

/// A ticket that is still good.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    /// What it says.
    pub content: Value,
    /// Until when it is good.
    pub expires: Timestamp,
}
