//! What the macro costs while one works: `cargo check` after a change, with 1, 10 and 100 tools, against the same tools
//! on bare rmcp.
//!
//! `cargo bench -p mcp-secure --bench compile_time [-- RUNS]`. Ends with 1 where the promise is not held. The
//! first run builds the dependencies of both, once, in `target/compile-time`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench ends where something is amiss"
)]

mod generate;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SIZES: [usize; 3] = [1, 10, 100];
/// The most that a check of a hundred tools may take, as a multiple of bare rmcp's.
const MOST: f64 = 1.5;

fn main() {
    let runs = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(9);
    let suite = Suite::generate();
    for size in SIZES {
        for flavour in Flavour::BOTH {
            eprintln!("preparing {}", flavour.package(size));
            suite.check(flavour, size);
        }
    }
    println!("`cargo check`, median of {runs}, in seconds");
    println!("{:<28}{:>7}{:>12}{:>12}{:>9}", "", "tools", "mcp-secure", "rmcp", "ratio");
    let mut kept = true;
    for change in Change::BOTH {
        for size in SIZES {
            let [ours, theirs] = suite.compare(change, size, runs);
            let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
            println!(
                "{:<28}{size:>7}{:>12.3}{:>12.3}{ratio:>9.2}",
                change.says(),
                ours.as_secs_f64(),
                theirs.as_secs_f64()
            );
            kept &= size != 100 || ratio <= MOST;
        }
    }
    println!("{} at 100 tools at most {MOST} x rmcp", if kept { "held  " } else { "MISSED" });
    if !kept {
        std::process::exit(1);
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Flavour {
    Secure,
    Bare,
}

impl Flavour {
    const BOTH: [Self; 2] = [Self::Secure, Self::Bare];

    pub(crate) fn package(self, size: usize) -> String {
        match self {
            Self::Secure => format!("secure-{size}"),
            Self::Bare => format!("bare-{size}"),
        }
    }
}

/// What happens to the source before the check.
#[derive(Clone, Copy)]
enum Change {
    /// Its time changes and not a byte of it.
    Touch,
    /// The body of the last tool returns something else.
    Body,
}

impl Change {
    const BOTH: [Self; 2] = [Self::Touch, Self::Body];

    const fn says(self) -> &'static str {
        match self {
            Self::Touch => "after a touch",
            Self::Body => "after a change in one body",
        }
    }
}

struct Suite {
    folder: PathBuf,
}

impl Suite {
    fn generate() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
        let folder = target.join("compile-time");
        generate::workspace(&folder, &root, &SIZES);
        Self { folder }
    }

    fn source(&self, flavour: Flavour, size: usize) -> PathBuf {
        self.folder.join(flavour.package(size)).join("src/lib.rs")
    }

    /// Both flavours in turns, so that a noisy moment of the machine falls on both.
    fn compare(&self, change: Change, size: usize, runs: usize) -> [Duration; 2] {
        let mut times = [Vec::new(), Vec::new()];
        // The first one after another kind of change does more than the following ones.
        for run in 0..=runs {
            for (flavour, times) in Flavour::BOTH.into_iter().zip(&mut times) {
                let source = self.source(flavour, size);
                let text = generate::source(
                    flavour,
                    size,
                    if matches!(change, Change::Body) { run } else { 0 },
                );
                std::fs::write(source, text).unwrap();
                let took = self.check(flavour, size);
                if run > 0 {
                    times.push(took);
                }
            }
        }
        times.map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2]
        })
    }

    fn check(&self, flavour: Flavour, size: usize) -> Duration {
        let clock = Instant::now();
        let status = Command::new(std::env::var("CARGO").unwrap_or("cargo".into()))
            .args(["check", "--quiet", "--lib", "--package", &flavour.package(size)])
            .current_dir(&self.folder)
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .stdin(Stdio::null())
            .status()
            .unwrap();
        let took = clock.elapsed();
        assert!(status.success(), "`{}` does not compile", flavour.package(size));
        took
    }
}
