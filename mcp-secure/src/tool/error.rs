use std::borrow::Cow;

/// Why a tool's body failed: what the model may read, and apart from it what only the record holds.
///
/// ```
/// use mcp_secure::tool::ToolError;
///
/// enum RefundError { AlreadyRefunded, Bank(std::io::Error) }
///
/// impl From<RefundError> for ToolError {
///     fn from(error: RefundError) -> Self {
///         match error {
///             RefundError::AlreadyRefunded => {
///                 ToolError::public("this order is already refunded").no_effect()
///             }
///             RefundError::Bank(cause) => ToolError::internal(cause),
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct ToolError {
    public: Option<Cow<'static, str>>,
    internal: Option<String>,
    no_effect: bool,
}

impl ToolError {
    /// An error the model may read. Never put a secret, a path or another tenant's data in it.
    #[must_use]
    pub fn public(text: impl Into<Cow<'static, str>>) -> Self {
        Self { public: Some(text.into()), internal: None, no_effect: false }
    }

    /// An error only the record holds; the model is shown a correlation id.
    ///
    /// The record is read by people, copied and kept for long. It keeps 2000 characters, without characters that nobody sees
    /// and without those texts of the call's arguments that it hides anyway; nothing else is taken out, so put no credential
    /// and nobody's data in it. Of an error of a library that may quote what it was given, tell the kind.
    #[must_use]
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self { public: None, internal: Some(cause.to_string()), no_effect: false }
    }

    /// This error with a cause that only the record holds.
    #[must_use]
    pub fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.internal = Some(cause.to_string());
        self
    }

    /// Says that the body changed nothing before it failed, so that the answer may say `executed: false`.
    #[must_use]
    pub fn no_effect(mut self) -> Self {
        self.no_effect = true;
        self
    }

    /// What the model may read.
    #[must_use]
    pub fn public_text(&self) -> Option<&str> {
        self.public.as_deref()
    }

    /// What only the record holds.
    #[must_use]
    pub fn internal_text(&self) -> Option<&str> {
        self.internal.as_deref()
    }

    /// Whether the body vouched that nothing was changed.
    #[must_use]
    pub fn had_no_effect(&self) -> bool {
        self.no_effect
    }
}

impl std::fmt::Display for ToolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.public.as_deref().unwrap_or("the tool failed"))
    }
}

impl std::error::Error for ToolError {}

impl From<std::convert::Infallible> for ToolError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
