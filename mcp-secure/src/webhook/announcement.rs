//! What is told: the body of a message, in version 1.

use serde::{Deserialize, Serialize};

/// One change of a request for approval.
///
/// New members may come in this version; members that are there stay and mean what they mean. Every text is given as it
/// is, and some come from outside: escape them where they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Announcement {
    /// `approval.` and the state that the request came to: `pending`, `approved`, `denied`, `expired`, `withdrawn`, `void`,
    /// `running`, `done`, `failed`, `in_doubt`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The version of this form, 1.
    pub version: u32,
    /// When it came to that state, by the store's time, in RFC 3339.
    pub timestamp: String,
    /// The request.
    pub data: Request,
}

/// The request that an [`Announcement`] is about. It has no arguments, no preview and no reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Request {
    /// Its id, which has no power.
    pub id: String,
    /// Of two announcements of one request, the later change has the greater number.
    pub sequence: i64,
    /// The server's name.
    pub server: String,
    /// The tool's name.
    pub tool: String,
    /// Its risk: `low`, `medium`, `high`, `critical`.
    pub risk: String,
    /// The tenant of whoever asked.
    pub tenant: String,
    /// Who asked.
    pub requester: Requester,
    /// The client through which they asked.
    pub client: String,
    /// What the call is about, where the tool says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceName>,
    /// How many people have to approve.
    pub quorum: u32,
    /// How many had when it came to that state.
    pub approvals: u32,
    /// When it was asked, in RFC 3339.
    pub created: String,
    /// When it, or an approval that nobody uses, runs out.
    pub expires: String,
    /// The page on which people decide once they have signed in; missing where there is no inbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decide_url: Option<String>,
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Requester {
    /// The issuer that vouches for the account.
    pub issuer: String,
    /// The account.
    pub subject: String,
    /// The human behind it, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

/// What a call is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResourceName {
    /// The type, as policies name it.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id; missing where people do not see it among the arguments, or where it could be anything but an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}
