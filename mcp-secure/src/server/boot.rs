use std::path::{Path, PathBuf};

/// What an application's state is opened with. Passed to the closure given to
/// [`Server::builder`](super::Server::builder).
#[derive(Debug, Clone)]
pub struct Boot {
    data_dir: PathBuf,
}

impl Boot {
    pub(super) fn new(data_dir: PathBuf) -> Self {
        Self { data_dir }
    }

    /// The data folder: `--data`, `MCP_SECURE_DATA`, or `./<name>-data`. The application may keep files of its own in it.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }
}
