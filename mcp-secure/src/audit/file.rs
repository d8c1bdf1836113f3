//! The folder and its files, behind traits so that tests can make each step fail.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where a writer puts its files.
pub(super) trait Folder: Send {
    /// A new, empty, private file of that name. Fails where one exists.
    fn create(&mut self, name: &str) -> io::Result<Box<dyn LogFile>>;
}

/// One writer's file.
pub(super) trait LogFile: Send {
    /// Whether the file still has a name and exactly `len` bytes: nobody else has touched it.
    fn intact(&mut self, len: u64) -> bool;
    /// Adds bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once what was appended is on the disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Takes back what was appended after `len` bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// The real folder.
pub(super) struct Disk {
    dir: PathBuf,
    sync: bool,
}

impl Disk {
    /// Opens `dir`, making it (private) where it is missing. Without `sync`, nothing waits for the disk.
    pub(super) fn open(dir: &Path, sync: bool) -> io::Result<Self> {
        let missing = !dir.exists();
        private_dirs().create(dir)?;
        if missing {
            sync_parent(dir)?;
        }
        Ok(Self { dir: dir.to_owned(), sync })
    }
}

impl Folder for Disk {
    fn create(&mut self, name: &str) -> io::Result<Box<dyn LogFile>> {
        let path = self.dir.join(name);
        let file = create_private(&path)?;
        if self.sync {
            // A synced file whose name is not on the disk is lost all the same.
            sync_parent(&path)?;
        }
        Ok(Box::new(DiskFile { file, sync: self.sync }))
    }
}

pub(super) struct DiskFile {
    pub(super) file: File,
    pub(super) sync: bool,
}

impl LogFile for DiskFile {
    fn intact(&mut self, len: u64) -> bool {
        self.file.metadata().is_ok_and(|m| m.len() == len && has_name(&m))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.sync { self.file.sync_data() } else { Ok(()) }
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        if self.file.metadata()?.len() < len {
            // `set_len` would fill the gap with zeros and hide that someone has cut the file.
            return Err(io::Error::other("the file is shorter than what was written to it"));
        }
        self.file.set_len(len)
    }
}

#[cfg(unix)]
fn has_name(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.nlink() > 0
}

#[cfg(not(unix))]
fn has_name(_metadata: &std::fs::Metadata) -> bool {
    true
}

/// Creates `path` for appending, readable by its owner only. Fails where it exists, a symbolic link included.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

fn private_dirs() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder
}

/// Makes the name of `path` durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if cfg!(unix) { File::open(parent)?.sync_all() } else { Ok(()) }
}
