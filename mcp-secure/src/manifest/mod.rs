//! What is served, in one reviewable document.
//!
//! It is printed by every application's command line, checked in a test, or written by a `build.rs` that depends on
//! the library with the tools. It is made from declarations and types alone: no state is opened.

mod markdown;

use serde::Serialize;
use serde_json::{Value, json};

use crate::canon::Digest;
use crate::catalog::{Described, StartFault, describe};
use crate::tool::{State, ToolSet};

/// The format of the document.
const FORMAT: u32 = 1;

/// The tools of a server: schemas, annotations, risk, permission, controls, owner, version, source, fingerprint.
///
/// ```
/// use mcp_secure::manifest::Manifest;
/// use mcp_secure::prelude::*;
///
/// /// Says hello to somebody.
/// #[tool(risk = "low", permission = "greeting.read", read_only)]
/// async fn greet(#[arg(max_len = 40)] name: String) -> Content {
///     Content::text(format!("hello {name}"))
/// }
///
/// let tools: ToolSet<()> = tools![greet];
/// let manifest = Manifest::of("greeter", "1.0.0", Some("greetings-team"), tools).unwrap();
/// assert!(manifest.to_json().contains("\"greeting.read\""));
/// ```
#[derive(Debug, Clone, Serialize)]
pub struct Manifest {
    format: u32,
    server: ServerLine,
    /// The digest over all fingerprints: one value to compare.
    fingerprint: Digest,
    tools: Vec<Value>,
}

#[derive(Debug, Clone, Serialize)]
struct ServerLine {
    name: String,
    version: String,
    owner: Option<String>,
}

impl Manifest {
    /// The manifest of `tools`, or everything that is wrong with their declarations.
    pub fn of<S: State>(
        name: &str,
        version: &str,
        owner: Option<&str>,
        tools: ToolSet<S>,
    ) -> Result<Self, Vec<StartFault>> {
        let described = describe(&tools.into_entries(), owner, None)?;
        Ok(Self::from_described(name, version, owner, &described))
    }

    pub(crate) fn from_described(
        name: &str,
        version: &str,
        owner: Option<&str>,
        described: &[Described],
    ) -> Self {
        let mut tools: Vec<Value> = described.iter().map(tool).collect();
        tools.sort_by_key(|tool| tool.get("name").and_then(Value::as_str).map(ToOwned::to_owned));
        let mut all: Vec<String> = described.iter().map(|d| d.fingerprint.to_hex()).collect();
        all.sort();
        Self {
            format: FORMAT,
            server: ServerLine {
                name: name.to_owned(),
                version: version.to_owned(),
                owner: owner.map(ToOwned::to_owned),
            },
            fingerprint: Digest::of_bytes(all.join("\n").as_bytes()),
            tools,
        }
    }

    /// The document as JSON: keys sorted, indented, one newline at the end, the same bytes for the same tools.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Through a `Value` whose maps are sorted here, since a dependency may switch on `preserve_order`.
        let value = serde_json::to_value(self).map(sorted).unwrap_or_default();
        format!("{value:#}\n")
    }

    /// The document for a reader: a table of the tools and a section for each.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        markdown::render(&self.server.name, &self.fingerprint.to_hex(), &self.tools)
    }

    /// Says where `text`, a manifest in JSON from a file, differs from this one; `None` where it is the same.
    #[must_use]
    pub fn difference(&self, text: &str) -> Option<String> {
        let now = self.to_json();
        if now == text {
            return None;
        }
        let (mut ours, mut theirs) = (now.lines(), text.lines());
        let mut number = 0_usize;
        let (a, b) = loop {
            number = number.saturating_add(1);
            match (ours.next(), theirs.next()) {
                (Some(a), Some(b)) if a == b => {}
                (None, None) => {
                    return Some("the two differ in how their last line ends".to_owned());
                }
                (a, b) => break (a.unwrap_or("(end)"), b.unwrap_or("(end)")),
            }
        };
        Some(format!("line {number}: the code says `{}`, the file says `{}`", a.trim(), b.trim()))
    }
}

/// One tool's lines: what its fingerprint covers, the line it stands on, and the fingerprint.
fn tool(described: &Described) -> Value {
    let mut out = described.description.clone();
    if let Value::Object(map) = &mut out {
        if let Some(Value::Object(source)) = map.get_mut("source") {
            source.insert("line".to_owned(), described.spec.source.line.into());
        }
        map.insert("fingerprint".to_owned(), json!(described.fingerprint));
        map.insert("contract".to_owned(), json!(described.contract));
    }
    out
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
