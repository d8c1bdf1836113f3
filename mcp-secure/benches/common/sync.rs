//! What a disk takes to write a little and keep it.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// What one write and one sync take here: the median of many, and the slowest but one in a hundred.
pub(crate) fn one_sync(folder: &Path) -> [Duration; 2] {
    let mut file = std::fs::File::create(folder.join("syncs")).unwrap();
    let mut all: Vec<Duration> = (0..300)
        .map(|_| {
            let begun = Instant::now();
            file.write_all(&[b'x'; 1024]).unwrap();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    all.sort_unstable();
    [all[all.len() / 2], all[all.len() * 99 / 100]]
}
