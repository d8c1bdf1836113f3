//! A clock that a test sets back, in processes that run already as well.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What shows processes another time, and the file that it reads it from.
pub struct MachineClock {
    library: PathBuf,
    file: PathBuf,
}

impl MachineClock {
    /// One that is right, kept in `folder`.
    #[must_use]
    pub fn kept_in(folder: &Path) -> Self {
        let file = folder.join("clock");
        std::fs::write(&file, "+0").unwrap();
        Self { library: library(), file }
    }

    /// Has a program, and what it starts, go by this clock.
    pub fn worn_by(&self, program: &mut Command) {
        program.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", &self.file);
        program.env("FAKETIME_NO_CACHE", "1");
        // How long things take stays as it is; two names, of older and of newer versions.
        program.env("DONT_FAKE_MONOTONIC", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    /// Sets it so far behind what is right.
    pub fn set_back(&self, by: Duration) {
        // At once: half a line would be another time.
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("-{}", by.as_secs())).unwrap();
        std::fs::rename(next, &self.file).unwrap();
    }
}

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let mut found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    found.find(|library| library.exists()).unwrap_or_else(|| {
        panic!("`libfaketime` is missing, which these tests need; run `scripts/setup-tests`")
    })
}
