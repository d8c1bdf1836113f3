//! Reading the folder: its files, and their lines.

use super::line;
use super::{AuditError, Entry, Event};
use crate::canon::Digest;
use crate::clock::Timestamp;
use serde::Deserialize;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// No record is longer, so reading never takes more memory than this for a line.
const LONGEST_LINE: u64 = 8 * 1024 * 1024;

/// One writer's file, as its name and first line describe it.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) name: String,
    /// The writer its name says; `None` where the name is not one of ours.
    pub(super) writer: Option<String>,
    /// When its first record was made, where that can be read.
    pub(super) begins: Option<Timestamp>,
    /// The record of another file that it goes on from.
    pub(super) continues: Option<Link>,
}

/// The last durable record of a file that a later file names.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Link {
    pub(super) writer: String,
    pub(super) seq: u64,
    pub(super) hash: Digest,
}

/// The files of `dir`, oldest name first.
pub(super) fn sources(dir: &Path) -> Result<Vec<Source>, AuditError> {
    let fault = |e: io::Error| AuditError::folder(dir, &e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if path.extension().is_some_and(|e| e == "jsonl") {
            found.push(source(path)?);
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn source(path: PathBuf) -> Result<Source, AuditError> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.strip_suffix(".jsonl").unwrap_or(&name);
    let writer = stem
        .rsplit_once('-')
        .map(|(_, id)| id.to_owned())
        .filter(|id| id.len() == 16 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    let mut source = Source { name, writer, begins: None, continues: None, path };
    if let Some(line) = Lines::open(&source.path)?.next()
        && let Ok(entry) =
            line::read(&line.map_err(|e| AuditError::folder(&source.path, &e))?.bytes)
    {
        source.begins = Some(entry.time_ms);
        source.continues = continues(&entry);
    }
    Ok(source)
}

fn continues(entry: &Entry) -> Option<Link> {
    if entry.record.event != Event::Opened {
        return None;
    }
    let link = entry.record.detail.as_ref()?.get("continues")?;
    Link::deserialize(link).ok()
}

/// One line, or what stands after the last line break.
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    /// Where it begins, in bytes.
    pub(super) offset: u64,
    /// Without the line break.
    pub(super) bytes: Vec<u8>,
    /// Whether a line break follows.
    pub(super) ended: bool,
}

/// The lines of a file.
pub(super) struct Lines {
    reader: BufReader<File>,
    number: u64,
    offset: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, AuditError> {
        let file = File::open(path).map_err(|e| AuditError::folder(path, &e))?;
        Ok(Self { reader: BufReader::with_capacity(64 * 1024, file), number: 0, offset: 0 })
    }
}

impl Iterator for Lines {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<io::Result<Line>> {
        let mut bytes = Vec::new();
        let read = match self.reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes) {
            Ok(0) => return None,
            Ok(read) => read as u64,
            Err(error) => return Some(Err(error)),
        };
        let ended = bytes.pop_if(|b| *b == b'\n').is_some();
        self.number += 1;
        let line = Line { number: self.number, offset: self.offset, bytes, ended };
        self.offset += read;
        Some(Ok(line))
    }
}
