//! Files that only their owner may read, written so that of two processes one wins and both read the same.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// The start of the name of a file in the making. Such a file in a data folder means nothing.
pub(super) const TEMPORARY: &str = ".mcp-secure-tmp-";

/// Creates `path` with `bytes`, mode 0600, durably. `false` if it is there already, untouched.
///
/// Written aside and linked into place: a half-written file is never seen, and of two writers one wins.
pub(super) fn create(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let dir = path.parent().ok_or_else(|| io::Error::other("the path has no folder"))?;
    let temporary = dir.join(format!("{TEMPORARY}{}", uuid::Uuid::new_v4().simple()));
    let linked = write(&temporary, bytes).and_then(|()| match fs::hard_link(&temporary, path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    });
    let removed = fs::remove_file(&temporary);
    let created = linked?;
    removed?;
    fs::File::open(dir)?.sync_all()?;
    Ok(created)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads a file of at most `limit` bytes that is a plain file nobody but its owner may open.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    let file = fs::File::open(path)?;
    private(&file.metadata()?, "600")?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(io::Error::other("it is larger than it can be"));
    }
    Ok(bytes)
}

/// Refuses what group or world may touch. Where the platform cannot say, that is a refusal too.
#[cfg(unix)]
pub(super) fn private(metadata: &fs::Metadata, wanted: &str) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o777;
    let for_others = mode & 0o077;
    if for_others == 0 {
        return Ok(());
    }
    let text = format!("others may open it (mode {mode:o}); run `chmod {wanted}` on it");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

#[cfg(not(unix))]
pub(super) fn private(_: &fs::Metadata, _: &str) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "permissions cannot be checked on this platform",
    ))
}
