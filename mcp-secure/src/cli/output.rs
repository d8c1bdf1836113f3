//! Results on standard output, everything else on standard error.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};

use serde_json::Value;

use super::Failure;
use super::args::{Color, Format};
use super::escape::{escaped, escaped_to, is_unsafe};

/// The widest cell of a table, in characters.
const WIDEST: usize = 72;
/// What is logged unless `RUST_LOG` says. rmcp calls a client that went away an error.
const QUIET: &str = "warn,rmcp=off";

#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    format: Option<Format>,
    colored: bool,
    terminal: bool,
}

impl Output {
    pub(super) fn new(format: Option<Format>, color: Color) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        let colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !no_color,
        };
        Self { format, colored, terminal }
    }

    /// The log of this process, on standard error like everything that is no result.
    pub(super) fn log_to_stderr(self) {
        let filter = tracing_subscriber::EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(QUIET));
        // An application that has set up its own log keeps it.
        drop(
            tracing_subscriber::fmt()
                .with_env_filter(filter)
                .with_writer(std::io::stderr)
                // It would report a failed write with `eprintln!`, which panics where standard error is on a full
                // disk: in the middle of a call, on the very thread that has something to log.
                .log_internal_errors(false)
                .with_ansi(self.colored && std::io::stderr().is_terminal())
                .try_init(),
        );
    }

    pub(super) const fn named(self) -> Option<Format> {
        self.format
    }

    /// Whether the result is for a program.
    pub(super) fn wants_json(self) -> Result<bool, Failure> {
        match self.format {
            Some(Format::Json) => Ok(true),
            Some(Format::Table) => Ok(false),
            Some(Format::Markdown) => Err(Failure::Usage(
                "`markdown` is a format of `manifest` alone; use `table` or `json`".to_owned(),
            )),
            None => Ok(!self.terminal),
        }
    }

    /// Text as it is, for results that are no table.
    pub(super) fn raw(text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        // Who reads has had enough; there is nobody to tell.
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|_| Failure::Told)
    }

    /// What would act on a terminal or reorder its text is written as JSON's own escapes: the value is the same.
    pub(super) fn json(value: &Value) -> Result<(), Failure> {
        Self::raw(&format!("{}\n", harmless(&format!("{value:#}"))))
    }

    /// A table with a heading. Every cell is escaped and held to one line.
    pub(super) fn table<const N: usize>(
        self,
        heading: [&str; N],
        rows: &[[String; N]],
    ) -> Result<(), Failure> {
        let rows: Vec<[String; N]> =
            rows.iter().map(|row| row.clone().map(|cell| escaped_to(&cell, WIDEST))).collect();
        let mut widths = heading.map(|title| title.chars().count());
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = line(&heading.map(ToOwned::to_owned), &widths);
        if self.colored {
            text = format!("\u{1b}[1m{}\u{1b}[0m\n", text.trim_end());
        }
        for row in &rows {
            text.push_str(&line(row, &widths));
        }
        Self::raw(&text)
    }

    /// Names and values, one a line; a value is escaped and never cut.
    pub(super) fn pairs(pairs: &[(&str, String)]) -> String {
        let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let mut text = String::new();
        for (name, value) in pairs {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name:<width$}  {}", escaped(value));
        }
        text
    }

    /// Something to know, on standard error.
    pub(super) fn note(text: &str) {
        // Nobody may be reading.
        drop(writeln!(std::io::stderr().lock(), "{text}"));
    }

    pub(super) fn error(self, text: &str) {
        let word = if self.colored { "\u{1b}[1;31merror\u{1b}[0m" } else { "error" };
        drop(writeln!(std::io::stderr().lock(), "{word}: {}", escaped(text)));
    }
}

/// A JSON text with the same value, in which nothing acts, hides or reorders.
fn harmless(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        // A line break is one of the layout: within a string it is escaped already.
        if c == '\n' || !is_unsafe(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string does not fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut out = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        out.push_str(cell);
        let gap = width.saturating_sub(cell.chars().count()).saturating_add(2);
        out.extend(std::iter::repeat_n(' ', gap));
    }
    let mut out = out.trim_end().to_owned();
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_on_a_terminal_is_the_same_value_and_does_nothing_there() {
        let value = serde_json::json!({"a\u{9b}31m": "x\u{202e}\u{e0041}\n\u{1b}]0;t\u{7} é世", "n": [1.5, null]});
        let text = harmless(&format!("{value:#}"));
        assert!(!text.chars().any(|c| c != '\n' && is_unsafe(c)), "{text:?}");
        assert!(text.contains("é世") && text.contains("\\u009b31m"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
