/// One reason not to start. A server reports all of them at once.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StartFault {
    /// The tool it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The stable code of the rule, as in the error index, where a rule has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is wrong and how to put it right.
    pub message: String,
}

impl StartFault {
    /// A fault of the server as a whole.
    #[must_use]
    pub fn server(message: impl Into<String>) -> Self {
        Self { tool: None, code: None, message: message.into() }
    }

    /// A fault of one tool.
    #[must_use]
    pub fn tool(tool: &str, message: impl Into<String>) -> Self {
        Self { tool: Some(tool.to_owned()), code: None, message: message.into() }
    }

    /// This fault under a rule's code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

impl std::fmt::Display for StartFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(tool) = &self.tool {
            write!(f, "{tool}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(code) = &self.code {
            write!(f, " [{code}]")?;
        }
        Ok(())
    }
}
