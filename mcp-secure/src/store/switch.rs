use crate::clock::Timestamp;

/// What a switch turns off.
///
/// ```
/// use mcp_secure::store::SwitchScope;
/// let scope: SwitchScope = "tool:request_refund".parse()?;
/// assert_eq!(scope.to_string(), "tool:request_refund");
/// # Ok::<(), mcp_secure::store::NotAScope>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SwitchScope {
    /// Every tool for everybody.
    Everything,
    /// Every tool for one tenant.
    Tenant(String),
    /// One tool for everybody.
    Tool(String),
}

impl std::fmt::Display for SwitchScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Tenant(tenant) => write!(f, "tenant:{tenant}"),
            Self::Tool(tool) => write!(f, "tool:{tool}"),
        }
    }
}

/// The text names no scope of a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a switch is `everything`, `tenant:<name>` or `tool:<name>`")]
pub struct NotAScope;

impl std::str::FromStr for SwitchScope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "everything" => Ok(Self::Everything),
            Some(("tenant", name)) if !name.is_empty() => Ok(Self::Tenant(name.to_owned())),
            Some(("tool", name)) if !name.is_empty() => Ok(Self::Tool(name.to_owned())),
            _ => Err(NotAScope),
        }
    }
}

/// Something that is off. What is on has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// What is off.
    pub scope: SwitchScope,
    /// Since when.
    pub since: Timestamp,
    /// Who turned it off.
    pub by: String,
    /// Why, in their words.
    pub reason: Option<String>,
}
