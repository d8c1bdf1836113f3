//! The data folder and its kind. What only a sandbox may do asks for a [`Sandbox`], which only such a folder gives.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::private_file;

/// The marker file's name.
const MARKER: &str = "mcp-secure-data.json";
/// The format of the folder this version reads and writes.
const FORMAT: u32 = 1;

/// What a data folder was created for. It never changes afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// For development: people chosen by name, tokens of the local issuer.
    Sandbox,
    /// For real people. Local keys are not even loaded.
    Production,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    kind: Kind,
    format: u32,
}

/// Permission to choose people by name. Only a folder created as `sandbox` gives it.
#[derive(Debug, Clone, Copy)]
pub struct Sandbox(());

impl Sandbox {
    /// For a server that lives inside a test and keeps nothing on disk.
    #[allow(dead_code, reason = "only the in-process test client takes it up")]
    pub(crate) const fn in_process() -> Self {
        Self(())
    }
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// Reading or writing failed, or others may open what is private.
    #[error("data folder `{}`: {source}", path.display())]
    Io {
        /// The folder or the file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is something in the folder, but nothing that says it is a data folder.
    #[error("`{}` holds other files and no `{MARKER}`; name an empty or a new folder", .0.display())]
    NotADataDir(PathBuf),
    /// The marker cannot be read as this version's.
    #[error("`{}` is not a marker this version knows; it reads kinds `sandbox` and `production`, format {FORMAT}", .0.display())]
    UnknownKind(PathBuf),
    /// What was asked for works in a `sandbox` folder only.
    #[error("`{}` is no sandbox: choosing a person by name and local tokens work only in a folder created as `sandbox`", .0.display())]
    NotSandbox(PathBuf),
}

/// An opened data folder (mode 0700) of a known kind.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
    kind: Kind,
}

impl DataDir {
    /// Opens the folder, or creates it as `kind` if it is not there or empty. An existing folder keeps its own kind.
    ///
    /// ```no_run
    /// use mcp_secure::identity::{DataDir, DataDirKind};
    /// let dir = DataDir::open_or_create("support-desk-data", DataDirKind::Sandbox)?;
    /// assert!(dir.sandbox().is_ok());
    /// # Ok::<(), mcp_secure::identity::DataDirError>(())
    /// ```
    pub fn open_or_create(path: impl Into<PathBuf>, kind: Kind) -> Result<Self, DataDirError> {
        let path = path.into();
        let failed = |source| DataDirError::Io { path: path.clone(), source };
        make_private_folder(&path).map_err(failed)?;
        fs::metadata(&path).and_then(|m| private_file::private(&m, "700")).map_err(failed)?;
        if !path.join(MARKER).exists() {
            // Another process may be creating it too: its marker may have come in between, so look for it last.
            if holds_other_files(&path).map_err(failed)? && !path.join(MARKER).exists() {
                return Err(DataDirError::NotADataDir(path));
            }
            let marker = serde_json::to_vec(&Marker { kind, format: FORMAT })
                .map_err(|e| failed(io::Error::other(e)))?;
            private_file::create(&path.join(MARKER), &marker).map_err(failed)?;
        }
        Self::open(path)
    }

    /// Opens an existing data folder.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let path = path.into();
        let failed = |source| DataDirError::Io { path: path.clone(), source };
        fs::metadata(&path).and_then(|m| private_file::private(&m, "700")).map_err(failed)?;
        let marker = path.join(MARKER);
        let bytes = match private_file::read(&marker, 1024) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(DataDirError::NotADataDir(path));
            }
            Err(source) => return Err(DataDirError::Io { path: marker, source }),
        };
        match serde_json::from_slice(&bytes) {
            Ok(Marker { kind, format: FORMAT }) => Ok(Self { path, kind }),
            _ => Err(DataDirError::UnknownKind(marker)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it was created for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The permission to choose people by name, in a sandbox.
    pub fn sandbox(&self) -> Result<Sandbox, DataDirError> {
        match self.kind {
            Kind::Sandbox => Ok(Sandbox(())),
            Kind::Production => Err(DataDirError::NotSandbox(self.path.clone())),
        }
    }
}

fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    match builder.create(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) => Err(e),
    }
}

fn holds_other_files(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if !name.to_string_lossy().starts_with(private_file::TEMPORARY) && name != MARKER {
            return Ok(true);
        }
    }
    Ok(false)
}
