//! Where policies come from.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::PolicyFault;
use crate::canon::Digest;

/// The largest policy file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// How deep folders may lie in the policy folder.
const MAX_DEPTH: usize = 8;

/// Policies to load: folders of `.cedar` files and texts. Nothing is read before the server starts or is checked.
///
/// ```
/// use mcp_secure::policy::Policies;
///
/// // A folder of the machine that serves; a relative path is one of the folder the program is started in.
/// let policies = Policies::from_dir("policies");
///
/// // Texts, in tests or built into the program by `include_str!`.
/// let policies = Policies::from_str("kb.cedar", r#"permit (principal, action in Action::"kb.read", resource);"#);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Policies {
    dirs: Vec<PathBuf>,
    texts: Vec<Source>,
}

/// One text of policies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

impl Policies {
    /// No policies: every call that is not public is denied.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Every `.cedar` file in the folder and the folders in it (but not hidden folders), read when the server starts.
    #[must_use]
    pub fn from_dir(path: impl Into<PathBuf>) -> Self {
        Self::none().and_dir(path)
    }

    /// A text, under a name that faults and records show.
    #[must_use]
    pub fn from_str(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::none().and_str(name, text)
    }

    /// And those of a folder.
    #[must_use]
    pub fn and_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.dirs.push(path.into());
        self
    }

    /// And those of a text.
    #[must_use]
    pub fn and_str(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.texts.push(Source { name: name.into(), text: text.into() });
        self
    }

    /// Reads everything there is, sorted. Whatever cannot be read is a fault: it might have been a `forbid`.
    pub(super) fn read(&self) -> Result<Vec<Source>, Vec<PolicyFault>> {
        let mut faults = Vec::new();
        let mut sources = self.texts.clone();
        for dir in &self.dirs {
            read_dir(dir, "", 0, &mut sources, &mut faults);
        }
        sources.sort();
        for pair in sources.windows(2) {
            if let [a, b] = pair
                && a.name == b.name
            {
                faults.push(
                    PolicyFault::new("two sources of policies have this name").in_file(&a.name),
                );
            }
        }
        if faults.is_empty() { Ok(sources) } else { Err(faults) }
    }
}

/// The version of the policies: it changes with any name or text, and with nothing else.
pub(super) fn version(sources: &[Source]) -> Digest {
    let value: Value = sources
        .iter()
        .map(|s| Value::Array(vec![Value::from(s.name.as_str()), Value::from(s.text.as_str())]))
        .collect();
    // Strings always have a canonical form; the fallback is still a digest of the same text.
    Digest::of_value(&value).unwrap_or_else(|_| Digest::of_bytes(value.to_string().as_bytes()))
}

fn read_dir(
    dir: &Path,
    prefix: &str,
    depth: usize,
    sources: &mut Vec<Source>,
    faults: &mut Vec<PolicyFault>,
) {
    let here = dir.display().to_string();
    if depth > MAX_DEPTH {
        faults.push(PolicyFault::new("the policy folder is nested too deep").in_file(&here));
        return;
    }
    let entries = fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = match entries {
        Ok(entries) => entries,
        Err(e) => {
            let fault = PolicyFault::new(format!("the policy folder cannot be read: {e}"));
            faults.push(
                fault.in_file(&here).help("name a folder that is there in `Policies::from_dir`"),
            );
            return;
        }
    };
    for entry in entries {
        let path = entry.path();
        let file = entry.file_name();
        let name = format!("{prefix}{}", file.to_string_lossy());
        // Follows links: a mounted configuration is a tree of links.
        if path.is_dir() {
            // `..data` and the like of a mounted configuration hold the same files once more.
            if !file.to_string_lossy().starts_with('.') {
                read_dir(&path, &format!("{name}/"), depth + 1, sources, faults);
            }
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("cedar")) {
            match read_file(&path) {
                Ok(text) => sources.push(Source { name, text }),
                Err(e) => faults.push(PolicyFault::new(e).in_file(&path.display().to_string())),
            }
        }
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|e| format!("it cannot be read: {e}"))?.len();
    if size > MAX_FILE {
        return Err("it is larger than 1 MiB".to_owned());
    }
    fs::read_to_string(path).map_err(|e| format!("it cannot be read: {e}"))
}
