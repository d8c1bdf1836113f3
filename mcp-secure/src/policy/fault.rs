//! What is wrong with the policies, and where.

use miette::Diagnostic;

/// A fault in the policies. The server does not start with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFault {
    /// The file, or the name an inline source was given.
    pub file: Option<String>,
    /// Line and column, from 1.
    pub position: Option<(u32, u32)>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl std::fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.file, self.position) {
            (Some(file), Some((line, column))) => write!(f, "{file}:{line}:{column}: ")?,
            (Some(file), None) => write!(f, "{file}: ")?,
            _ => {}
        }
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

impl std::error::Error for PolicyFault {}

impl PolicyFault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { file: None, position: None, message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn in_file(mut self, file: &str) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    pub(super) fn at(mut self, text: &str, offset: usize) -> Self {
        self.position = Some(position(text, offset));
        self
    }

    /// A fault as Cedar tells it, whose spans lie in `text`.
    pub(super) fn of_cedar(diagnostic: &dyn Diagnostic, file: &str, text: &str) -> Self {
        let message = diagnostic.to_string();
        // The position and the file already say which policy it is.
        let message = match message.strip_prefix("for policy `").and_then(|m| m.split_once("`, ")) {
            Some((_, rest)) => rest.to_owned(),
            None => message,
        };
        let mut fault = Self::new(message).in_file(file);
        if let Some(span) = diagnostic.labels().and_then(|mut labels| labels.next()) {
            fault = fault.at(text, span.offset());
        }
        fault.help = diagnostic.help().map(|help| help.to_string());
        fault
    }
}

pub(super) fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or("").chars().count().saturating_add(1);
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}
