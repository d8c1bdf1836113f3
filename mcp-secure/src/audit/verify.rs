//! Proving the files, offline.

use super::line::{self, Fault, genesis};
use super::scan::{Line, Lines, Link, Source, sources};
use super::{AuditError, Entry, Event};
use crate::canon::Digest;
use crate::clock::Timestamp;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// A fault is named once; a file that is all faults does not fill the screen.
const MOST_PROBLEMS_A_FILE: usize = 100;

/// Something that a writer of this crate never leaves behind: the files were changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file's name.
    pub file: String,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: u64,
    /// The place in the chain, where the line tells it.
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if let Some(seq) = self.seq {
            write!(f, "record {seq}: ")?;
        }
        f.write_str(&self.what)
    }
}

/// The half line a crash leaves at the end of a file. Nothing of it was ever acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TornTail {
    /// The file's name.
    pub file: String,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How long it is; 0 where the file ends before its first record.
    pub bytes: u64,
}

/// One writer's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WriterReport {
    /// The writer's id.
    pub writer: String,
    /// Its file.
    pub file: String,
    /// How many of its records match their hashes.
    pub records: u64,
    /// The hash of the last one. Kept elsewhere, it shows later whether the end was cut off.
    pub head: Option<Digest>,
    /// Whether it was closed in good order; otherwise it still runs, was killed, or its end was cut off.
    pub closed: bool,
}

/// What [`verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// One entry a file, oldest first.
    pub writers: Vec<WriterReport>,
    /// Records that match their hashes, in all files.
    pub records: u64,
    /// What was changed, in order of file and line: the first is the first bad record.
    pub problems: Vec<Problem>,
    /// What crashes left.
    pub torn_tails: Vec<TornTail>,
}

impl VerifyReport {
    /// Whether nothing was changed.
    #[must_use]
    pub const fn is_intact(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Checks every file of an audit folder: each record against its hash, its place and the record before it, and each
/// file against the one it continues.
///
/// Needs nothing but the folder. An error means that it could not be read, not that it is bad.
///
/// ```no_run
/// let report = mcp_secure::audit::verify("support-desk-data/audit".as_ref())?;
/// for problem in &report.problems {
///     eprintln!("{problem}");
/// }
/// // Kept elsewhere, the heads show later whether an end was cut off.
/// let heads: Vec<_> = report.writers.iter().map(|writer| (&writer.file, writer.head)).collect();
/// # Ok::<(), mcp_secure::audit::AuditError>(())
/// ```
pub fn verify(dir: &Path) -> Result<VerifyReport, AuditError> {
    let sources = sources(dir)?;
    let links: HashMap<&str, &Link> = sources
        .iter()
        .filter_map(|s| s.continues.as_ref())
        .map(|link| (link.writer.as_str(), link))
        .collect();
    let names: HashSet<&str> = sources.iter().filter_map(|s| s.writer.as_deref()).collect();
    let (mut seen, mut continued) = (HashMap::new(), HashSet::new());
    let mut report = VerifyReport::default();
    for source in &sources {
        let mut check = FileCheck::new(source, &links);
        if let Some(first) = source.writer.as_deref().and_then(|w| seen.insert(w, &source.name)) {
            check.problem(0, None, format!("writer has another file already: `{first}`"));
        }
        if let Some(link) = &source.continues {
            if !names.contains(link.writer.as_str()) {
                check.problem(1, Some(0), "the file that this one continues is missing".to_owned());
            } else if !continued.insert(link.writer.as_str()) {
                check.problem(1, Some(0), "another file continues the same file".to_owned());
            }
        }
        check.run()?;
        report.records += check.report.records;
        report.writers.push(check.report);
        report.problems.extend(check.problems);
        report.torn_tails.extend(check.torn);
    }
    Ok(report)
}

struct FileCheck<'a> {
    source: &'a Source,
    /// Where a later file goes on.
    link: Option<&'a Link>,
    report: WriterReport,
    problems: Vec<Problem>,
    torn: Option<TornTail>,
    next: u64,
    /// What the next record has to name; `None` after a line whose hash could not be read.
    prev: Option<Digest>,
    time: Timestamp,
}

impl<'a> FileCheck<'a> {
    fn new(source: &'a Source, links: &HashMap<&str, &'a Link>) -> Self {
        let writer = source.writer.clone().unwrap_or_default();
        Self {
            link: links.get(writer.as_str()).copied(),
            prev: Some(genesis(&writer)),
            report: WriterReport {
                writer,
                file: source.name.clone(),
                records: 0,
                head: None,
                closed: false,
            },
            source,
            problems: Vec::new(),
            torn: None,
            next: 0,
            time: Timestamp::from_millis(i64::MIN),
        }
    }

    fn problem(&mut self, line: u64, seq: Option<u64>, what: String) {
        if self.problems.len() < MOST_PROBLEMS_A_FILE {
            self.problems.push(Problem { file: self.source.name.clone(), line, seq, what });
        }
    }

    fn run(&mut self) -> Result<(), AuditError> {
        if self.source.writer.is_none() {
            self.problem(0, None, "the file is not named `<time>-<writer>.jsonl`".to_owned());
        }
        let mut empty = true;
        for line in Lines::open(&self.source.path)? {
            let line = line.map_err(|e| AuditError::folder(&self.source.path, &e))?;
            empty = false;
            if line.ended {
                self.line(&line);
            } else {
                self.rest(&line);
            }
        }
        if empty {
            self.torn = Some(TornTail { file: self.source.name.clone(), offset: 0, bytes: 0 });
        }
        if let Some(link) = self.link
            && self.next <= link.seq
        {
            let what = format!(
                "records {} to {} are missing: a later file goes on after them",
                self.next, link.seq
            );
            self.problem(0, None, what);
        }
        Ok(())
    }

    fn line(&mut self, line: &Line) {
        match line::read(&line.bytes) {
            Ok(entry) => self.entry(line.number, &entry),
            Err(fault) => self.fault(line.number, fault),
        }
    }

    fn fault(&mut self, number: u64, fault: Fault) {
        self.problem(number, fault.seq, fault.what.says().to_owned());
        if fault.seq == Some(self.next) {
            self.next += 1;
            self.prev = fault.hash;
        }
    }

    fn entry(&mut self, number: u64, entry: &Entry) {
        if let Some(what) = self.wrong(entry) {
            self.problem(number, Some(entry.seq), what);
        }
        if entry.seq >= self.next {
            self.next = entry.seq + 1;
            self.prev = Some(entry.hash);
        }
        self.time = self.time.max(entry.time_ms);
        self.report.records += 1;
        self.report.head = Some(entry.hash);
        self.report.closed |= entry.record.event == Event::Closed;
    }

    /// The first thing that is wrong with a record that matches its own hash.
    fn wrong(&self, entry: &Entry) -> Option<String> {
        let opens = entry.record.event == Event::Opened;
        Some(if entry.writer != self.report.writer {
            "the record belongs to another writer".to_owned()
        } else if entry.seq < self.next {
            format!("the record is repeated or out of order: {} was due", self.next)
        } else if entry.seq > self.next {
            format!("records {} to {} are missing before it", self.next, entry.seq - 1)
        } else if self.prev.is_some_and(|prev| prev != entry.prev) {
            "the record does not follow from the one before: one of them was rewritten".to_owned()
        } else if self.link.is_some_and(|link| link.seq == entry.seq && link.hash != entry.hash) {
            "the record is not the one that a later file goes on from: it was rewritten".to_owned()
        } else if let Some(link) = self.link.filter(|link| entry.seq > link.seq) {
            // Either added, or left by a write that failed where not even cutting it off was possible.
            format!(
                "the record was never acknowledged: a later file goes on from record {}",
                link.seq
            )
        } else if self.report.closed {
            "the record stands after the closing record".to_owned()
        } else if opens != (entry.seq == 0) {
            "a file has one opening record, its first".to_owned()
        } else if entry.time_ms < self.time {
            "the record is older than the one before".to_owned()
        } else if entry.time != entry.time_ms.to_rfc3339() {
            "the record tells two different times".to_owned()
        } else {
            return None;
        })
    }

    /// What stands after the last line break: half a record where a crash cut it, or something foreign.
    fn rest(&mut self, line: &Line) {
        let bytes = &line.bytes;
        // A file system may have made room for a write that never came: zeros.
        let cut =
            b"{\"".starts_with(bytes) || bytes.starts_with(b"{\"") || bytes.iter().all(|b| *b == 0);
        if cut && !self.report.closed {
            let bytes = bytes.len() as u64;
            self.torn =
                Some(TornTail { file: self.source.name.clone(), offset: line.offset, bytes });
        } else {
            self.problem(
                line.number,
                None,
                "bytes that are not a record follow the last one".to_owned(),
            );
        }
    }
}
