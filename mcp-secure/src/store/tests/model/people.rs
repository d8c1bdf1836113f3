//! Who takes part, and an onlooker's own list of what each of them may do. The rules under test are not asked for it.

use crate::approval::Party;
use crate::store::tests::party;

/// The client that the agent's calls come through, and another one of the same account.
pub(super) const CLIENTS: [&str; 2] = ["agent", "agent-2"];

/// An account that tries to decide and to resolve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Account {
    /// The requester's own account, in the inbox.
    Alice,
    /// The requester's person under another account.
    AliceAdmin,
    Bob,
    /// The same person as `Bob`.
    BobAdmin,
    Carol,
    /// Carol in the client that asks.
    CarolInAgent,
    /// Acts for the requester.
    Helper,
    /// Somebody acts for Bob.
    Delegated,
    /// Nobody stands behind it.
    Bot,
    /// Another tenant's.
    Mallory,
}

impl Account {
    pub(super) const ALL: [Self; 10] = [
        Self::Alice,
        Self::AliceAdmin,
        Self::Bob,
        Self::BobAdmin,
        Self::Carol,
        Self::CarolInAgent,
        Self::Helper,
        Self::Delegated,
        Self::Bot,
        Self::Mallory,
    ];

    pub(super) fn party(self) -> Party {
        let under = |subject: &str, party: Party| Party { subject: subject.to_owned(), ..party };
        match self {
            Self::Alice => party("alice", "inbox"),
            Self::AliceAdmin => under("alice-admin", party("alice", "inbox")),
            Self::Bob => party("bob", "inbox"),
            Self::BobAdmin => under("bob-admin", party("bob", "command line")),
            Self::Carol => party("carol", "inbox"),
            Self::CarolInAgent => party("carol", CLIENTS[0]),
            Self::Helper => party("helper", "inbox"),
            Self::Delegated => {
                Party { actors: vec!["assistant".to_owned()], ..party("bob", "inbox") }
            }
            Self::Bot => Party { person: None, ..party("bot", "inbox") },
            Self::Mallory => Party { tenant: "globex".to_owned(), ..party("mallory", "inbox") },
        }
    }

    /// The person whose word this account's is on what was asked through `client`, if it is anybody's.
    pub(super) fn speaks(self, client: usize, requester_may: bool) -> Option<&'static str> {
        match self {
            Self::Alice | Self::AliceAdmin => requester_may.then_some("alice"),
            Self::Bob | Self::BobAdmin => Some("bob"),
            Self::Carol => Some("carol"),
            Self::CarolInAgent => (client != 0).then_some("carol"),
            Self::Helper | Self::Delegated | Self::Bot | Self::Mallory => None,
        }
    }
}

/// Who asks, through this client. The helper acts for them.
pub(super) fn requester(client: usize) -> Party {
    Party { actors: vec!["sub-helper".to_owned()], ..party("alice", CLIENTS[client]) }
}
