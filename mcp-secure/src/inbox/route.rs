//! Every address of the inbox, in one place. What reads is `GET`, what changes something is `POST`.

use crate::approval::ApprovalId;
use crate::store::RunId;

use super::base::PATH;

/// What an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// What waits for a decision.
    Pending,
    /// The same list by itself, for the script that refreshes it.
    PendingList,
    /// What became of every request that waits for nobody any more.
    History,
    /// One request.
    Request(ApprovalId),
    /// What became of the visitor's own decision.
    Decided(ApprovalId),
    /// Something to do about a request.
    Act(ApprovalId, Act),
    /// What has run.
    Runs,
    /// One run.
    Run(RunId),
    /// Taking a run back: a page that asks, and its form.
    Rollback(RunId),
    /// Saying what became of a run in doubt.
    Resolve(RunId),
    /// What is switched off, and switching.
    Switches,
    /// The page to sign in on.
    SignIn,
    /// Where the issuer's page sends the browser back to.
    Callback,
    /// The end of a session.
    SignOut,
    /// A one-time link, with whatever stands where its secret should.
    Link(String),
    /// A file of ours.
    File(File),
}

/// What can be done about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Approve,
    Deny,
    Withdraw,
    Reveal,
}

/// A file in this binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Style,
    Script,
    Icon,
}

impl Route {
    /// What `path` names; nothing where it names nothing of the inbox.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix(PATH)?;
        if rest.is_empty() || rest == "/" {
            return Some(Self::Pending);
        }
        let mut parts = rest.strip_prefix('/')?.split('/');
        let named = (parts.next()?, parts.next(), parts.next());
        if parts.next().is_some() {
            return None;
        }
        match named {
            ("pending", None, None) => Some(Self::PendingList),
            ("history", None, None) => Some(Self::History),
            ("requests", Some(id), None) => Some(Self::Request(id.parse().ok()?)),
            ("requests", Some(id), Some(what)) => {
                let id = id.parse().ok()?;
                match what {
                    "decided" => Some(Self::Decided(id)),
                    "approve" => Some(Self::Act(id, Act::Approve)),
                    "deny" => Some(Self::Act(id, Act::Deny)),
                    "withdraw" => Some(Self::Act(id, Act::Withdraw)),
                    "reveal" => Some(Self::Act(id, Act::Reveal)),
                    _ => None,
                }
            }
            ("runs", None, None) => Some(Self::Runs),
            ("runs", Some(id), None) => Some(Self::Run(id.parse().ok()?)),
            ("runs", Some(id), Some("rollback")) => Some(Self::Rollback(id.parse().ok()?)),
            ("runs", Some(id), Some("resolve")) => Some(Self::Resolve(id.parse().ok()?)),
            ("switches", None, None) => Some(Self::Switches),
            ("sign-in", None, None) => Some(Self::SignIn),
            ("sign-out", None, None) => Some(Self::SignOut),
            ("oidc", Some("callback"), None) => Some(Self::Callback),
            ("link", Some(secret), None) => Some(Self::Link(secret.to_owned())),
            ("style.css", None, None) => Some(Self::File(File::Style)),
            ("refresh.js", None, None) => Some(Self::File(File::Script)),
            ("icon.svg", None, None) => Some(Self::File(File::Icon)),
            _ => None,
        }
    }

    /// Whether it can be read.
    pub(super) const fn is_page(&self) -> bool {
        !matches!(self, Self::Act(..) | Self::Resolve(_) | Self::SignOut)
    }

    /// Whether something can be posted to it.
    pub(super) const fn is_action(&self) -> bool {
        matches!(
            self,
            Self::Act(..)
                | Self::Rollback(_)
                | Self::Resolve(_)
                | Self::Switches
                | Self::SignOut
                | Self::SignIn
                | Self::Link(_)
        )
    }

    /// The page that an action belongs to, for who comes to its address by reading.
    pub(super) fn page(&self) -> Option<String> {
        match self {
            Self::Act(id, _) => Some(request(id)),
            Self::Resolve(id) => Some(run(id)),
            Self::SignOut => Some(PATH.to_owned()),
            _ => None,
        }
    }
}

/// The address of a request's page.
pub(crate) fn request(id: &ApprovalId) -> String {
    format!("{PATH}/requests/{id}")
}

/// The address of a run's page.
pub(super) fn run(id: &RunId) -> String {
    format!("{PATH}/runs/{id}")
}
