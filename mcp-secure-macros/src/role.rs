//! What an attribute makes of a function, and the signature that goes with it.

use mcp_secure_rules::declaration::Kind;

/// The attribute that stands on the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Declaration(Kind),
    DryRun,
    When,
    Rollback,
}

impl Role {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Declaration(Kind::Tool),
        Self::Declaration(Kind::Resource),
        Self::Declaration(Kind::Prompt),
        Self::DryRun,
        Self::When,
        Self::Rollback,
    ];

    /// The attribute's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Declaration(kind) => kind.as_str(),
            Self::DryRun => "dry_run",
            Self::When => "when",
            Self::Rollback => "rollback",
        }
    }

    /// The signature that goes with it, for messages.
    pub(crate) const fn legal(self) -> &'static str {
        match self {
            Self::Declaration(Kind::Tool) => {
                "async fn name(lent: &Service, input: Input) -> Result<Output, Error>"
            }
            Self::Declaration(Kind::Resource) => {
                "async fn name(lent: &Service, variable: Variable) -> Result<Content, Error>"
            }
            Self::Declaration(Kind::Prompt) => {
                "async fn name(lent: &Service, argument: Argument) -> Result<Content, Error>"
            }
            Self::DryRun => {
                "async fn name(lent: &Service, /* the tool's inputs */) -> Result<Preview, Error>"
            }
            Self::When => {
                "async fn name(lent: &Service, /* the tool's inputs */) -> Result<bool, Error>"
            }
            Self::Rollback => {
                "async fn name(lent: &Service, done: Output) -> Result<Undone, Error>"
            }
        }
    }
}
